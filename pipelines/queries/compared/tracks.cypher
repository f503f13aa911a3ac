// Tracks of neurons through a series of checkpoints, the strongest first: a row per step that has the track, with where it begins and ends.
//
// @param series  text = ""  the series, or all
// @param layer  text = ""  name of a layer, or all
// @param event  text = ""  birth or death: tracks that begin, or end, between two checkpoints; or all
// @param limit  integer 1.. = 20  tracks at most
// @column series  text  the series
// @column series_key  text  what it was made of: tracks of other checkpoints or settings have another key
// @column track  integer  number of the track in the series
// @column strength  number  its largest singular value at any step
// @column base  text  the earlier checkpoint
// @column other  text  the next checkpoint
// @column base_step  number  step of the earlier one
// @column other_step  number  step of the next one
// @column base_layer  integer  index of the layer in the earlier one
// @column base_name  text  its name
// @column other_layer  integer  index of the layer in the next one
// @column other_name  text  its name
// @column base_neuron  integer?  neuron in the earlier one; null where the track is not there
// @column other_neuron  integer?  neuron in the next one; null where the track is not there
// @column base_singular_value  number?  its gain in the earlier one
// @column other_singular_value  number?  its gain in the next one
// @column similarity  number?  inner product with the rank-one map of the track's step before
// @column birth  boolean  whether the track begins in the next one
// @column death  boolean  whether the track ends in the earlier one
MATCH (a:Layer)-[t:HAS_TRACK]->(b:Layer)
WHERE ($series = '' OR t.series = $series) AND ($layer = '' OR a.name = $layer OR b.name = $layer)
WITH t.series_key AS key, t.track AS number,
     max(CASE WHEN t.base_singular_value IS NULL OR t.other_singular_value > t.base_singular_value THEN t.other_singular_value
              ELSE t.base_singular_value END) AS strength,
     max(CASE WHEN t.birth THEN 1 ELSE 0 END) AS births, max(CASE WHEN t.death THEN 1 ELSE 0 END) AS deaths
WHERE $event = '' OR ($event = 'birth' AND births = 1) OR ($event = 'death' AND deaths = 1)
WITH key, number, strength ORDER BY strength DESC, key, number LIMIT $limit
MATCH (a:Layer)-[t:HAS_TRACK]->(b:Layer) WHERE t.series_key = key AND t.track = number
RETURN t.series AS series, key AS series_key, number AS track, strength, a.model AS base, b.model AS other, t.base_step AS base_step,
       t.other_step AS other_step, a.layer AS base_layer, a.name AS base_name, b.layer AS other_layer, b.name AS other_name,
       t.base_neuron AS base_neuron, t.other_neuron AS other_neuron, t.base_singular_value AS base_singular_value,
       t.other_singular_value AS other_singular_value, t.similarity AS similarity, t.birth AS birth, t.death AS death
ORDER BY strength DESC, series_key, track, base_step, base, other
