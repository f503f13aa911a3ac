// What rounding has done to a model's layers: how many neurons it lost, and how much its leading ones still resemble what they were. The
// layers that lost most come first. For a quantized copy and its original; any comparison will do.
//
// @param base  model  the original's id
// @param other  model  the quantized copy's id
// @param leading  integer 1.. = 10  so many leading neurons of the original
// @param limit  integer 1.. = 1000  rows at most
// @column base_layer  integer  index of the original's layer
// @column base_name  text  its name
// @column other_layer  integer  index of the copy's layer
// @column other_name  text  its name
// @column base_type  text  type of the original's weight
// @column other_type  text  of the copy's
// @column relative_change  number?  norm of the change over that of the original's weight
// @column spectrum_distance  number  how far the spectra are apart, from 0 to 1
// @column lost  integer?  neurons without a match that is more than chance
// @column lost_share  number?  the same as a share of all that have a direction
// @column matched  integer  leading neurons that have a match
// @column least_similarity  number?  the least similarity among those, without its sign
MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)
WHERE a.model = $base AND b.model = $other
OPTIONAL MATCH (a)-[:HAS_NEURON]->(n:SpectralNeuron)-[m:MATCHES]->(o:SpectralNeuron) WHERE n.neuron < $leading AND o.model = $other
WITH a.layer AS base_layer, a.name AS base_name, b.layer AS other_layer, b.name AS other_name, a.dtype AS base_type, b.dtype AS other_type,
     c.relative_change AS relative_change, c.spectrum_distance AS spectrum_distance, c.lost AS lost,
     CASE WHEN c.kept + c.lost > 0 THEN 1.0 * c.lost / (c.kept + c.lost) END AS lost_share,
     count(m.similarity) AS matched, min(abs(m.similarity)) AS least_similarity
RETURN base_layer, base_name, other_layer, other_name, base_type, other_type, relative_change, spectrum_distance, lost, lost_share, matched,
       least_similarity
ORDER BY coalesce(lost_share, -1.0) DESC, coalesce(relative_change, -1.0) DESC, base_layer, other_layer LIMIT $limit
