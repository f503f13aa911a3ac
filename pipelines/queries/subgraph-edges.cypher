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
// @column source_layer  integer  index of the source's layer
// @column target_layer  integer  index of the target's layer
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
RETURN a.id AS source, b.id AS target, 'Directed' AS type, e.weight AS weight,
       a.layer AS source_layer, b.layer AS target_layer, e.part AS part, e.overlap AS overlap, e.cosine AS cosine,
       e.log_p AS log_p, e.log_q AS log_q, e.q_value AS q_value, e.sigma AS sigma, e.significant AS significant_edge
ORDER BY overlap DESC, source_layer, a.neuron, target_layer, b.neuron, part LIMIT $limit
