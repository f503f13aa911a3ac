// Which of the models that were compared are of one lineage: how surprising it would be if two had been trained apart, and how far their
// weights are apart. A small log_p says kin, and so do layers whose hidden channels are reordered, without a p; a large log_p alone says
// nothing.
//
// @param model  text = ""  id of a model that takes part, or all
// @param limit  integer 1.. = 1000  rows at most
// @column base  text  id of the base
// @column other  text  id of the model that was compared with it
// @column log_p  number?  ln p that they were trained apart; null where no space of hidden channels could be compared
// @column log_p_corrected  number?  after the correction for the number of comparisons
// @column comparisons  integer  how many those were
// @column spaces  integer  spaces of hidden channels that were tested
// @column reordered  integer  layers whose hidden channels are the base's in another order, which says kin whatever log_p is
// @column distance  number?  how far the weights are apart, as a share of their length
// @column topology  text?  how it is known which channels are hidden
// @column intruders  integer  leading neurons of the other model that resemble none of the base's
// @column leading_neurons  integer  neurons among which they were sought
MATCH (a:Model)-[k:KIN]->(b:Model)
WHERE $model = '' OR a.id = $model OR b.id = $model
OPTIONAL MATCH (x:Layer)-[c:CORRESPONDS]->(y:Layer) WHERE x.model = a.id AND y.model = b.id
WITH a.id AS base, b.id AS other, k.log_p AS log_p, k.log_p_corrected AS log_p_corrected, k.comparisons AS comparisons, k.spaces AS spaces,
     k.reordered AS reordered, k.distance AS distance, k.topology AS topology, coalesce(sum(c.intruders), 0) AS intruders, coalesce(sum(c.leading_neurons), 0) AS leading_neurons
RETURN base, other, log_p, log_p_corrected, comparisons, spaces, reordered, distance, topology, intruders, leading_neurons
ORDER BY other, base LIMIT $limit
