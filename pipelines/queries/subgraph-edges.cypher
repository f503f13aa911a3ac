// The edges of a part of a model, one row each, for a notebook or as Gephi's table of edges.
//
// @param model  model  the model's id
// @param first  integer 0.. = 0  index of the first layer
// @param last  integer 0.. = 1000000  index of the last layer
// @param least  number 0.. = 0  smallest overlap
// @param significant  boolean = false  only significant edges
// @param limit  integer 1.. = 10000  rows at most, the strongest edges first
// @column source  text  id of the neuron that feeds, as in subgraph-neurons
// @column target  text  id of the neuron that is fed
// @column type  text  Directed
// @column weight  number?  by the run's expression
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column source_neuron  integer  spectral neuron there
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column target_neuron  integer  spectral neuron there
// @column part  integer  0, or which attention head carries it
// @column overlap  number  in [0, 1]
// @column cosine  number?  signed; null where there are several positions
// @column log_p  number  natural logarithm of the unadjusted p-value
// @column log_q  number  natural logarithm of the adjusted p-value
// @column q_value  number  adjusted p-value; 0 below 1e-308
// @column sigma  number  the unadjusted p-value as a normal quantile
// @column significant_edge  boolean  whether the adjusted p-value is at most alpha
MATCH (a:SpectralNeuron {model: $model})-[e:CONNECTS]->(b:SpectralNeuron)
WHERE a.layer >= $first AND a.layer <= $last AND b.layer >= $first AND b.layer <= $last
  AND e.overlap >= $least AND (e.significant OR NOT $significant)
WITH a, e, b
ORDER BY e.overlap DESC, a.layer, a.neuron, b.layer, b.neuron, e.part
LIMIT $limit
MATCH (k:Layer {model: a.model, layer: a.layer}), (l:Layer {model: b.model, layer: b.layer})
RETURN a.id AS source, b.id AS target, 'Directed' AS type, e.weight AS weight,
       a.layer AS source_layer, k.name AS source_name, a.neuron AS source_neuron,
       b.layer AS target_layer, l.name AS target_name, b.neuron AS target_neuron,
       e.part AS part, e.overlap AS overlap, e.cosine AS cosine, e.log_p AS log_p, e.log_q AS log_q, e.q_value AS q_value,
       e.sigma AS sigma, e.significant AS significant_edge
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part
