// The figures of a model's layers: spectrum, power law, noise and vectors.
//
// @param model  model  the model's id
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column kind  text  linear, conv, …
// @column alpha  number?  exponent of a power law in the tail of the eigenvalues
// @column alpha_low  number?  lower end of its 95 % interval; null without layerMetrics.bootstrap
// @column alpha_high  number?  upper end of the same
// @column alpha_p  number?  goodness of fit: up to 0.1 there is no power law; null without layerMetrics.bootstrap
// @column ks_distance  number?  distance of the tail from its power law (D)
// @column tail  integer?  eigenvalues in the tail (num_pl_spikes)
// @column stable_rank  number?  how many neurons share the layer's energy
// @column entropy  number?  how evenly: 1 where all are equal
// @column spikes  integer?  neurons that stand out of noise (num_spikes)
// @column mp_distance  number?  distance of the others from the law of noise
// @column mp_softrank  number?  end of the noise as a share of the largest eigenvalue
// @column rand_distance  number?  distance from the eigenvalues of permuted entries; null without layerMetrics.permuted
// @column bulk_loc_ratio  number?  mean localization ratio of the neurons below xmin
// @column tail_loc_ratio  number?  the same from xmin on
MATCH (l:Layer {model: $model})
RETURN l.layer AS layer_index, l.name AS layer_name, l.kind AS kind, l.alpha AS alpha, l.alpha_low AS alpha_low,
       l.alpha_high AS alpha_high, l.alpha_p AS alpha_p, l.D AS ks_distance, l.num_pl_spikes AS tail,
       l.stable_rank AS stable_rank, l.entropy AS entropy, l.num_spikes AS spikes, l.mp_distance AS mp_distance,
       l.mp_softrank AS mp_softrank, l.rand_distance AS rand_distance,
       l.bulk_mean_loc_ratio AS bulk_loc_ratio, l.tail_mean_loc_ratio AS tail_loc_ratio
ORDER BY layer_index
