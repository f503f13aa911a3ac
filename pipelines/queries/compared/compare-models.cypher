// Two models' layers side by side, as a comparison of the two has found them to correspond (svr compare, or compare in a config). A layer that
// corresponds to none stands alone; without a comparison all do.
//
// @param model  model  the one model's id
// @param other  model  the other model's id
// @column layer_index  integer?  index of the one model's layer; null where it has none there
// @column layer_name  text?  its name
// @column other_layer_index  integer?  index of the other's
// @column other_layer_name  text?  its name
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
OPTIONAL MATCH (l)-[:CORRESPONDS]-(k:Layer) WHERE k.model IN [$model, $other] AND k.model <> l.model
WITH l, near, found, min(k.layer) AS partner, l.model = $model AS one
WITH CASE WHEN one THEN l.layer ELSE partner END AS layer_index, CASE WHEN one THEN partner ELSE l.layer END AS other_layer_index,
     max(CASE WHEN one THEN l.name END) AS layer_name,
     max(CASE WHEN NOT one THEN l.name END) AS other_layer_name,
     max(CASE WHEN one THEN l.rank END) AS neurons,
     max(CASE WHEN NOT one THEN l.rank END) AS other_neurons,
     max(CASE WHEN one THEN l.spectral_norm END) AS spectral_norm,
     max(CASE WHEN NOT one THEN l.spectral_norm END) AS other_spectral_norm,
     max(CASE WHEN one THEN l.stable_rank END) AS stable_rank,
     max(CASE WHEN NOT one THEN l.stable_rank END) AS other_stable_rank,
     max(CASE WHEN one AND l.rank > 0 THEN 1.0 * near / l.rank END) AS near_kernel,
     max(CASE WHEN NOT one AND l.rank > 0 THEN 1.0 * near / l.rank END) AS other_near_kernel,
     max(CASE WHEN one THEN coalesce(found, 0) END) AS significant,
     max(CASE WHEN NOT one THEN coalesce(found, 0) END) AS other_significant
RETURN layer_index, layer_name, other_layer_index, other_layer_name, neurons, other_neurons, spectral_norm, other_spectral_norm,
       stable_rank, other_stable_rank, near_kernel, other_near_kernel, significant, other_significant
ORDER BY coalesce(layer_index, 2147483647), coalesce(other_layer_index, 2147483647)
