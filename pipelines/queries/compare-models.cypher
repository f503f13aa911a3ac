// Two models' layers side by side, by their place in the model.
//
// @param model  model  the one model's id
// @param other  model  the other model's id
// @column layer_index  integer  index of the layers
// @column layer_name  text?  name of the one model's layer; null where it has none there
// @column other_layer_name  text?  name of the other's
// @column neurons  integer?  number of spectral neurons of the one
// @column other_neurons  integer?  of the other
// @column spectral_norm  number?  the largest singular value of the one
// @column other_spectral_norm  number?  of the other
// @column stable_rank  number?  of the one
// @column other_stable_rank  number?  of the other
// @column near_kernel  number?  share of near-kernels among the neurons of the one
// @column other_near_kernel  number?  of the other
// @column significant  integer?  significant edges into the layer of the one
// @column other_significant  integer?  of the other
MATCH (l:Layer) WHERE l.model IN [$model, $other]
OPTIONAL MATCH (l)-[:HAS_NEURON]->(n:SpectralNeuron) WHERE n.near_kernel
WITH l, count(n) AS near
OPTIONAL MATCH (:Layer)-[f:FEEDS]->(l)
WITH l, near, sum(f.significant) AS found
WITH l.layer AS layer_index,
       max(CASE WHEN l.model = $model THEN l.name END) AS layer_name,
       max(CASE WHEN l.model = $other THEN l.name END) AS other_layer_name,
       max(CASE WHEN l.model = $model THEN l.rank END) AS neurons,
       max(CASE WHEN l.model = $other THEN l.rank END) AS other_neurons,
       max(CASE WHEN l.model = $model THEN l.spectral_norm END) AS spectral_norm,
       max(CASE WHEN l.model = $other THEN l.spectral_norm END) AS other_spectral_norm,
       max(CASE WHEN l.model = $model THEN l.stable_rank END) AS stable_rank,
       max(CASE WHEN l.model = $other THEN l.stable_rank END) AS other_stable_rank,
       max(CASE WHEN l.model = $model AND l.rank > 0 THEN 1.0 * near / l.rank END) AS near_kernel,
       max(CASE WHEN l.model = $other AND l.rank > 0 THEN 1.0 * near / l.rank END) AS other_near_kernel,
       max(CASE WHEN l.model = $model THEN coalesce(found, 0) END) AS significant,
       max(CASE WHEN l.model = $other THEN coalesce(found, 0) END) AS other_significant
RETURN layer_index, layer_name, other_layer_name, neurons, other_neurons, spectral_norm, other_spectral_norm,
       stable_rank, other_stable_rank, near_kernel, other_near_kernel, significant, other_significant
ORDER BY layer_index
