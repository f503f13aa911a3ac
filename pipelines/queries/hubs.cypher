// The spectral neurons with the most edges, into them and out of them, plain and weighted.
//
// @param model  model  the model's id
// @param significant  boolean = true  only significant edges count
// @param limit  integer 1.. = 20  rows at most
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column neuron  integer  spectral neuron there
// @column degree  integer  edges in and out
// @column in_degree  integer  edges into it
// @column out_degree  integer  edges out of it
// @column in_weight  number  sum of the weights of the edges into it
// @column out_weight  number  sum of the weights of the edges out of it
// @column singular_value  number  its gain
// @column near_kernel  boolean  whether its gain is a small share of its layer's largest
MATCH (n:SpectralNeuron {model: $model})
OPTIONAL MATCH (n)-[o:CONNECTS]->(:SpectralNeuron) WHERE o.significant OR NOT $significant
WITH n, count(o) AS out_degree, coalesce(sum(o.weight), 0.0) AS out_weight
OPTIONAL MATCH (n)<-[i:CONNECTS]-(:SpectralNeuron) WHERE i.significant OR NOT $significant
WITH n, out_degree, out_weight, count(i) AS in_degree, coalesce(sum(i.weight), 0.0) AS in_weight
WITH n, in_degree, out_degree, in_degree + out_degree AS degree, in_weight, out_weight
WHERE degree > 0
WITH n, in_degree, out_degree, degree, in_weight, out_weight ORDER BY degree DESC, n.layer, n.neuron LIMIT $limit
MATCH (l:Layer)-[:HAS_NEURON]->(n)
RETURN l.layer AS layer_index, l.name AS layer_name, n.neuron AS neuron, degree, in_degree, out_degree,
       0.0 + in_weight AS in_weight, 0.0 + out_weight AS out_weight,
       n.singular_value AS singular_value, n.near_kernel AS near_kernel
ORDER BY degree DESC, layer_index, neuron
