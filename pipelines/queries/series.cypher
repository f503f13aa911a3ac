// How the layers of checkpoints move along their series: per layer, a row per epoch or step. Layers of one name in one series belong
// together; a checkpoint whose epoch or step is not known is in no series.
//
// @param series  text = ""  name of the series, or all
// @param layer  text = ""  name of the layer, or all
// @param limit  integer 1.. = 1000  rows at most
// @column series  text  name of the series
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column step  number  epoch or step
// @column model  text  id of the checkpoint
// @column neurons  integer  number of spectral neurons; 0 where the layer was skipped
// @column spectral_norm  number?  the largest singular value
// @column stable_rank  number?  squared Frobenius norm over squared spectral norm
// @column tests  integer  pairs tested with the layers that feed it
// @column significant  integer  significant edges among them
// @column by_chance  number  how many chance would give
// @column max_overlap  number?  the largest overlap into it; null where nothing feeds it
MATCH (m:Model)-[:HAS_LAYER]->(l:Layer)
WHERE m.step IS NOT NULL AND m.series IS NOT NULL AND ($series = '' OR m.series = $series) AND ($layer = '' OR l.name = $layer)
OPTIONAL MATCH (:Layer)-[f:FEEDS]->(l)
WITH m, l, coalesce(sum(f.tests), 0) AS tests, coalesce(sum(f.significant), 0) AS significant,
     coalesce(sum(f.expected_by_chance), 0.0) AS by_chance, max(f.max_overlap) AS max_overlap
RETURN m.series AS series, l.layer AS layer_index, l.name AS layer_name, m.step AS step, m.id AS model,
       coalesce(l.rank, 0) AS neurons, l.spectral_norm AS spectral_norm, l.stable_rank AS stable_rank, tests, significant, 0.0 + by_chance AS by_chance, max_overlap
ORDER BY series, layer_index, layer_name, step, model LIMIT $limit
