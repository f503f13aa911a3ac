// The neurons that stand out of the noise of their layers, the most surprising first.
//
// @param model  model  the model's id
// @param log_p  number ..0 = -6.907755278982137  the largest ln p, adjusted for the layer: ln 0.001
// @param limit  integer 1.. = 100  rows at most
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column neuron  integer  spectral neuron, 0 has the largest singular value
// @column singular_value  number  its singular value
// @column energy  number  its share of the layer's squared norm
// @column spike_log_p  number  ln of the probability that noise alone brings so many, adjusted for the layer
// @column loc_ratio  number?  localization ratio of its vector
// @column near_kernel  boolean  whether its singular value is a small share of the largest
MATCH (n:SpectralNeuron {model: $model})
WHERE n.spike_log_p <= $log_p
WITH n
ORDER BY n.spike_log_p, n.layer, n.neuron
LIMIT $limit
MATCH (l:Layer {model: n.model, layer: n.layer})
RETURN n.layer AS layer_index, l.name AS layer_name, n.neuron AS neuron, n.singular_value AS singular_value,
       n.energy AS energy, n.spike_log_p AS spike_log_p, n.loc_ratio AS loc_ratio, n.near_kernel AS near_kernel
ORDER BY spike_log_p, layer_index, neuron
