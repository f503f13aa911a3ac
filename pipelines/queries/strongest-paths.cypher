// The strongest ways through two connections in a row, in one model.
//
// @param model  model  the model's id
// @param limit  integer 1.. = 5  rows at most
// @column source_layer  integer  index of the layer where the way begins
// @column source_name  text  its name
// @column source_neuron  integer  spectral neuron there
// @column middle_layer  integer  index of the layer on the way
// @column middle_name  text  its name
// @column middle_neuron  integer  spectral neuron there
// @column target_layer  integer  index of the layer where the way ends
// @column target_name  text  its name
// @column target_neuron  integer  spectral neuron there
// @column first_part  integer  0, or which attention head carries the first edge
// @column second_part  integer  the same of the second edge
// @column first_overlap  number  in [0, 1]
// @column second_overlap  number  in [0, 1]
// @column product  number  of both
MATCH (m:Model {id: $model})-[:HAS_LAYER]->(k:Layer)-[:HAS_NEURON]->(a:SpectralNeuron)
      -[e:CONNECTS]->(b:SpectralNeuron)-[f:CONNECTS]->(c:SpectralNeuron)
WITH k, a, e, b, f, c, e.overlap * f.overlap AS product
ORDER BY product DESC, a.layer, a.neuron, b.layer, b.neuron, c.layer, c.neuron, e.part, f.part
LIMIT $limit
MATCH (i:Layer {model: b.model, layer: b.layer}), (l:Layer {model: c.model, layer: c.layer})
RETURN a.layer AS source_layer, k.name AS source_name, a.neuron AS source_neuron,
       b.layer AS middle_layer, i.name AS middle_name, b.neuron AS middle_neuron,
       c.layer AS target_layer, l.name AS target_name, c.neuron AS target_neuron, e.part AS first_part, f.part AS second_part,
       e.overlap AS first_overlap, f.overlap AS second_overlap, product
ORDER BY product DESC, source_layer, source_neuron, middle_layer, middle_neuron, target_layer, target_neuron, first_part, second_part
