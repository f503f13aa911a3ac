// The layers of a model as WeightWatcher's details: rows and names of its data frame. With layerMetrics.pooled convolutions are as it has them.
//
// @param model  model  the model's id
// @column layer_id  integer  index of the layer
// @column name  text  its name
// @column longname  text  its name
// @column layer_type  text  dense, conv2d, or the kind of layer
// @column pooled  boolean  whether the figures are of WeightWatcher's matrices
// @column M  integer  shorter side of WeightWatcher's matrix
// @column N  integer  longer side
// @column Q  number  N / M
// @column rf  integer  positions that are matrices of their own
// @column num_evals  integer?  eigenvalues
// @column alpha  number?  exponent of the power law
// @column xmin  number?  where it begins
// @column D  number?  its distance
// @column sigma  number?  standard error of alpha
// @column num_pl_spikes  integer?  eigenvalues in its tail
// @column alpha_weighted  number?  alpha * log_spectral_norm
// @column log_alpha_norm  number?  log10 of the Schatten norm of alpha
// @column log_norm  number?  log10 of the squared Frobenius norm
// @column log_spectral_norm  number?  log10 of the largest eigenvalue
// @column stable_rank  number?  norm / spectral_norm
// @column matrix_rank  integer?  singular values above rounding
// @column entropy  number?  of the eigenvalues, 1 where all are equal
// @column rank_loss  integer?  singular values that are rounding
// @column detX_num  integer?  largest eigenvalues whose product is 1
// @column detX_val  number?  the smallest of them
// @column norm  number?  sum of the eigenvalues
// @column spectral_norm  number?  largest eigenvalue
// @column sv_max  number?  largest singular value
// @column warning  text  over-trained: alpha below 2; under-trained: above 6; as WeightWatcher says it, whether or not there is a power law
// @column alpha_p  number?  goodness of fit of our spectrum: up to 0.1 there is no power law; null without layerMetrics.bootstrap
// @column num_spikes  integer?  neurons that stand out of noise; of our spectrum, as all that follow
// @column sigma_mp  number?  standard deviation of the noise
// @column bulk_min  number?  where the noise begins
// @column bulk_max  number?  where it ends
// @column mp_softrank  number?  bulk_max as a share of the largest eigenvalue
// @column rand_num_spikes  integer?  spikes of permuted entries
// @column rand_distance  number?  distance from the eigenvalues of permuted entries
// @column ww_softrank  number?  their largest eigenvalue as a share
MATCH (l:Layer {model: $model})
WHERE l.rank IS NOT NULL
WITH l, l.pooled_matrix_rank IS NOT NULL AS pooled,
     CASE WHEN l.kind = 'conv' OR l.kind = 'conv-transpose' THEN l.positions ELSE 1 END AS rf
WITH l, pooled, rf, l.out_channels / l.groups AS outs, (l.in_channels / l.groups) * (l.positions / rf) AS ins
WITH l, pooled, rf, CASE WHEN outs < ins THEN outs ELSE ins END AS short, CASE WHEN outs < ins THEN ins ELSE outs END AS long,
     CASE WHEN pooled THEN l.pooled_alpha ELSE l.alpha END AS alpha,
     CASE WHEN pooled THEN l.pooled_xmin ELSE l.xmin END AS xmin,
     CASE WHEN pooled THEN l.pooled_D ELSE l.D END AS D,
     CASE WHEN pooled THEN l.pooled_sigma ELSE l.sigma END AS sigma,
     CASE WHEN pooled THEN l.pooled_num_pl_spikes ELSE l.num_pl_spikes END AS num_pl_spikes,
     CASE WHEN pooled THEN l.pooled_alpha_weighted ELSE l.alpha_weighted END AS alpha_weighted,
     CASE WHEN pooled THEN l.pooled_log_alpha_norm ELSE l.log_alpha_norm END AS log_alpha_norm,
     CASE WHEN pooled THEN l.pooled_log_norm ELSE l.log_norm END AS log_norm,
     CASE WHEN pooled THEN l.pooled_log_spectral_norm ELSE l.log_spectral_norm END AS log_spectral_norm,
     CASE WHEN pooled THEN l.pooled_stable_rank ELSE l.stable_rank END AS stable_rank,
     CASE WHEN pooled THEN l.pooled_matrix_rank ELSE l.matrix_rank END AS matrix_rank,
     CASE WHEN pooled THEN l.pooled_entropy ELSE l.entropy END AS entropy,
     CASE WHEN pooled THEN l.pooled_rank_loss ELSE l.rank_loss END AS rank_loss,
     CASE WHEN pooled THEN l.pooled_detX_num ELSE l.detX_num END AS detX_num,
     CASE WHEN pooled THEN l.pooled_detX_val ELSE l.detX_val END AS detX_val
RETURN l.layer AS layer_id, l.name AS name, l.name AS longname,
       CASE l.kind WHEN 'linear' THEN 'dense' WHEN 'conv' THEN 'conv2d' ELSE l.kind END AS layer_type, pooled,
       short AS M, long AS N, 1.0 * long / short AS Q, rf,
       CASE WHEN pooled THEN short * rf * l.groups ELSE l.rank END AS num_evals,
       alpha, xmin, D, sigma, num_pl_spikes, alpha_weighted, log_alpha_norm, log_norm,
       log_spectral_norm, stable_rank, matrix_rank, entropy, rank_loss, detX_num, detX_val,
       10.0 ^ log_norm AS norm, 10.0 ^ log_spectral_norm AS spectral_norm, 10.0 ^ (log_spectral_norm / 2) AS sv_max,
       CASE WHEN alpha < 2 THEN 'over-trained' WHEN alpha > 6 THEN 'under-trained' ELSE '' END AS warning,
       l.alpha_p AS alpha_p, l.num_spikes AS num_spikes, l.sigma_mp AS sigma_mp, l.bulk_min AS bulk_min,
       l.bulk_max AS bulk_max, l.mp_softrank AS mp_softrank, l.rand_num_spikes AS rand_num_spikes,
       l.rand_distance AS rand_distance, l.ww_softrank AS ww_softrank
ORDER BY layer_id
