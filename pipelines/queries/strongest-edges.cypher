// The edges with the largest overlaps, of one model or of all.
//
// @param model  model = ""  only this model; all models where empty
// @param significant  boolean = false  only significant edges
// @param limit  integer 1.. = 20  rows at most
// @column model  text  the model's id
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column source_neuron  integer  spectral neuron there
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column target_neuron  integer  spectral neuron there
// @column part  integer  0, or which attention head carries it
// @column overlap  number  in [0, 1]
// @column weight  number?  by the run's expression
// @column sigma  number  the unadjusted p-value as a normal quantile
// @column log_p  number  natural logarithm of the unadjusted p-value
// @column log_q  number  natural logarithm of the adjusted p-value
// @column q_value  number  adjusted p-value; 0 below 1e-308
MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron)
WHERE ($model = '' OR a.model = $model) AND (e.significant OR NOT $significant)
WITH a, e, b
ORDER BY e.overlap DESC, a.model, a.layer, a.neuron, b.layer, b.neuron, e.part
LIMIT $limit
MATCH (k:Layer {model: a.model, layer: a.layer}), (l:Layer {model: b.model, layer: b.layer})
RETURN a.model AS model, a.layer AS source_layer, k.name AS source_name, a.neuron AS source_neuron,
       b.layer AS target_layer, l.name AS target_name, b.neuron AS target_neuron,
       e.part AS part, e.overlap AS overlap, e.weight AS weight, e.sigma AS sigma,
       e.log_p AS log_p, e.log_q AS log_q, e.q_value AS q_value
ORDER BY overlap DESC, model, source_layer, source_neuron, target_layer, target_neuron, part
