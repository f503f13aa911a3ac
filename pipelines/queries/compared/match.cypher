// Which neuron of a model has become which of another one's: pairs of corresponding layers' neurons that are each other's most similar.
//
// @param base  model  the base's id
// @param other  model  id of the model that was compared with it
// @param layer  text = ""  name of a layer of either model, or all
// @param limit  integer 1.. = 1000  rows at most
// @column base_layer  integer  index of the base's layer
// @column base_name  text  its name
// @column base_neuron  integer  neuron there
// @column other_layer  integer  index of the layer that corresponds
// @column other_name  text  its name
// @column other_neuron  integer  neuron there
// @column left_cosine  number  cosine of the left vectors
// @column right_cosine  number  cosine of the right vectors
// @column similarity  number  their product
// @column log_p  number?  ln p of so large cosines of random directions; null where neither side can be tested
// @column log_p_corrected  number?  after the correction for the number of pairs
MATCH (n:SpectralNeuron)-[m:MATCHES]->(o:SpectralNeuron)
WHERE n.model = $base AND o.model = $other
MATCH (a:Layer)-[:HAS_NEURON]->(n)
MATCH (b:Layer)-[:HAS_NEURON]->(o)
WITH a, b, n, o, m WHERE $layer = '' OR a.name = $layer OR b.name = $layer
RETURN a.layer AS base_layer, a.name AS base_name, n.neuron AS base_neuron, b.layer AS other_layer, b.name AS other_name,
       o.neuron AS other_neuron, m.left_cosine AS left_cosine, m.right_cosine AS right_cosine, m.similarity AS similarity, m.log_p AS log_p,
       m.log_p_corrected AS log_p_corrected
ORDER BY base_layer, base_neuron, other_layer, other_neuron LIMIT $limit
