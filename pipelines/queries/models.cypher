// The models of the graph, and how much there is of each.
//
// @column model  text  the model's id
// @column format  text  of its file
// @column uri  text  where it came from
// @column run_id  text  the run that wrote it
// @column series  text?  the series of checkpoints that it belongs to; null where none is known
// @column step  number?  its epoch or step there
// @column layers  integer  number of layers, skipped ones too
// @column neurons  integer  number of spectral neurons
// @column connections  integer  number of connections between layers
// @column significant  integer  significant edges, those that were not written too
MATCH (m:Model)
OPTIONAL MATCH (m)-[:HAS_LAYER]->(l:Layer)
WITH m, count(l) AS layers, coalesce(sum(l.rank), 0) AS neurons
OPTIONAL MATCH (m)-[:HAS_LAYER]->(:Layer)-[f:FEEDS]->(:Layer)
WITH m, layers, neurons, count(f) AS connections, coalesce(sum(f.significant), 0) AS significant
RETURN m.id AS model, m.format AS format, m.uri AS uri, m.run_id AS run_id, m.series AS series, m.step AS step,
       layers, neurons, connections, significant
ORDER BY model
