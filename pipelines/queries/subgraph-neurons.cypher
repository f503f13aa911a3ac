// The spectral neurons of a part of a model, one row each, for a notebook or as Gephi's table of nodes.
//
// @param model  model  the model's id
// @param first  integer 0.. = 0  index of the first layer
// @param last  integer 0.. = 1000000  index of the last layer
// @param limit  integer 1.. = 100000  rows at most
// @column id  text  as in subgraph-edges
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column neuron  integer  spectral neuron there
// @column singular_value  number  its gain
// @column relative  number  the same as a share of the layer's largest
// @column energy  number  its share of the layer's squared norm
// @column intensity  number  of its edges to the layers that it feeds
// @column near_kernel  boolean  whether relative is small
// @column null  boolean  whether it is rounding: such a neuron has no direction, and no edge ends at it
// @column cluster  boolean  whether others of its layer have the same gain: its direction is a choice within theirs
MATCH (l:Layer {model: $model})-[:HAS_NEURON]->(n:SpectralNeuron)
WHERE l.layer >= $first AND l.layer <= $last
RETURN n.id AS id, l.layer AS layer_index, l.name AS layer_name, n.neuron AS neuron,
       n.singular_value AS singular_value, n.relative AS relative, n.energy AS energy, n.intensity AS intensity, n.near_kernel AS near_kernel,
       n.`null` AS `null`, n.cluster AS cluster
ORDER BY layer_index, neuron LIMIT $limit
