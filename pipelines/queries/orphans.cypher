// The spectral neurons that no edge touches.
//
// @param model  model  the model's id
// @param significant  boolean = true  only significant edges count
// @param limit  integer 1.. = 1000  rows at most
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column neuron  integer  spectral neuron there
// @column singular_value  number  its gain
// @column relative  number  the same as a share of the layer's largest
// @column near_kernel  boolean  whether that share is small
// @column null  boolean  whether it is rounding, so that no edge can end at the neuron
MATCH (l:Layer {model: $model})-[:HAS_NEURON]->(n:SpectralNeuron)
WHERE NOT EXISTS { MATCH (n)-[e:CONNECTS]-(:SpectralNeuron) WHERE e.significant OR NOT $significant }
RETURN l.layer AS layer_index, l.name AS layer_name, n.neuron AS neuron, n.singular_value AS singular_value,
       n.relative AS relative, n.near_kernel AS near_kernel, n.`null` AS `null`
ORDER BY layer_index, neuron LIMIT $limit
