// The edges between near-kernels: both neurons have a small share of their layer's gain.
//
// @param model  model  the model's id
// @param significant  boolean = false  only significant edges
// @param limit  integer 1.. = 100  rows at most
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column source_neuron  integer  spectral neuron there
// @column source_relative  number  its share of the layer's largest singular value
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column target_neuron  integer  spectral neuron there
// @column target_relative  number  its share of the layer's largest singular value
// @column part  integer  0, or which attention head carries it
// @column overlap  number  in [0, 1]
// @column log_p  number  natural logarithm of the unadjusted p-value
// @column log_q  number  natural logarithm of the adjusted p-value
// @column q_value  number  adjusted p-value; 0 below 1e-308
// @column significant_edge  boolean  whether the adjusted p-value is at most alpha
MATCH (a:SpectralNeuron {model: $model})-[e:CONNECTS]->(b:SpectralNeuron)
WHERE a.near_kernel AND b.near_kernel AND (e.significant OR NOT $significant)
WITH a, e, b
ORDER BY e.overlap DESC, a.layer, a.neuron, b.layer, b.neuron, e.part
LIMIT $limit
MATCH (k:Layer {model: a.model, layer: a.layer}), (l:Layer {model: b.model, layer: b.layer})
RETURN a.layer AS source_layer, k.name AS source_name, a.neuron AS source_neuron, a.relative AS source_relative,
       b.layer AS target_layer, l.name AS target_name, b.neuron AS target_neuron, b.relative AS target_relative,
       e.part AS part, e.overlap AS overlap, e.log_p AS log_p, e.log_q AS log_q,
       e.q_value AS q_value, e.significant AS significant_edge
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part
