// The layers of a model by how much they have changed since its base. Needs a comparison of the two (svr compare, or compare in a config).
//
// @param base  model  the base's id
// @param other  model  id of the model that was compared with it
// @param limit  integer 1.. = 1000  rows at most
// @column base_layer  integer  index of the base's layer
// @column base_name  text  its name
// @column other_layer  integer  index of the layer that corresponds
// @column other_name  text  its name
// @column evidence  text  name, alias or spectrum: how they are known to correspond
// @column relative_change  number?  norm of the change over that of the base's weight
// @column change_rank  integer?  rank of the change; null where there are more than 64, and of quantized weights
// @column change_stable_rank  number?  squared Frobenius norm over squared spectral norm of the change
// @column spectrum_distance  number  how far the spectra are apart, from 0 to 1
// @column leading_neurons  integer  leading neurons among which intruders were sought
// @column intruders  integer  intruders among them
// @column kept  integer?  neurons with a match that is more than chance
// @column lost  integer?  neurons of the base without one
// @column gained  integer?  neurons of the other model without one
MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)
WHERE a.model = $base AND b.model = $other
RETURN a.layer AS base_layer, a.name AS base_name, b.layer AS other_layer, b.name AS other_name, c.evidence AS evidence,
       c.relative_change AS relative_change, c.change_rank AS change_rank, c.change_stable_rank AS change_stable_rank,
       c.spectrum_distance AS spectrum_distance, c.leading_neurons AS leading_neurons, c.intruders AS intruders, c.kept AS kept, c.lost AS lost, c.gained AS gained
ORDER BY coalesce(relative_change, -1.0) DESC, base_layer, other_layer LIMIT $limit
