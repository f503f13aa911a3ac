// The strongest ways through two connections in a row, in one model.
//
// @param model  model  the model's id
// @param limit  integer 1.. = 5  rows at most
// @column layer  text  name of the layer where the way begins
// @column source  integer  spectral neuron there
// @column middle  integer  spectral neuron of the next layer
// @column target  integer  spectral neuron of the layer after that
// @column first_part  integer  0, or which attention head carries the first edge
// @column second_part  integer  the same of the second edge
// @column first_overlap  number  in [0, 1]
// @column second_overlap  number  in [0, 1]
// @column product  number  of both
MATCH (m:Model {id: $model})-[:HAS_LAYER]->(k:Layer)-[:HAS_NEURON]->(a:SpectralNeuron)
      -[e:CONNECTS]->(b:SpectralNeuron)-[f:CONNECTS]->(c:SpectralNeuron)
RETURN k.name AS layer, a.neuron AS source, b.neuron AS middle, c.neuron AS target,
       e.part AS first_part, f.part AS second_part, e.overlap AS first_overlap, f.overlap AS second_overlap, e.overlap * f.overlap AS product
ORDER BY product DESC, k.layer, source, b.layer, middle, c.layer, target, first_part, second_part LIMIT $limit
