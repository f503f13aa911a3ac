// Leading neurons of a model that resemble none of its base's, the strongest first. Low-rank training leaves some, full training few.
//
// @param base  model  the base's id
// @param other  model  id of the model that was compared with it
// @param limit  integer 1.. = 1000  rows at most
// @column base_layer  integer  index of the base's layer
// @column base_name  text  its name
// @column other_layer  integer  index of the layer that corresponds
// @column other_name  text  its name
// @column other_neuron  integer  the intruder there
// @column singular_value  number  its gain
// @column cosine  number  largest left cosine with a neuron of the base
MATCH (a:Layer)-[i:HAS_INTRUDER]->(n:SpectralNeuron)
WHERE a.model = $base AND n.model = $other
MATCH (b:Layer)-[:HAS_NEURON]->(n)
RETURN a.layer AS base_layer, a.name AS base_name, b.layer AS other_layer, b.name AS other_name, n.neuron AS other_neuron,
       i.singular_value AS singular_value, i.cosine AS cosine
ORDER BY singular_value DESC, other_layer, other_neuron, base_layer LIMIT $limit
