// What lies between the near-kernels of each connection, against chance; nothing where a layer has none.
//
// @param model  model  the model's id
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column part  integer  0, or which attention head it goes through
// @column source_near_kernels  integer  near-kernels of the one
// @column target_near_kernels  integer  and of the other
// @column energy  number?  sum of the overlaps between them
// @column energy_expected  number?  its mean under the null
// @column log_p  number?  natural logarithm of the chance of so much energy; null where there is none, or none that could vary
// @column log_p_low  number?  of so little
// @column tests  integer  pairs tested between them
// @column nominal  integer  those with an unadjusted p-value of at most alpha; alpha * tests by chance
// @column significant  integer  significant edges among them
// @column significant_expected  number  how many of those chance would give
// @column sparsification  number?  the share of all overlap that lies between them
// @column sparsification_expected  number?  its mean under the null
MATCH (a:Layer {model: $model})-[f:FEEDS]->(b:Layer)
RETURN a.layer AS source_layer, a.name AS source_name, b.layer AS target_layer, b.name AS target_name,
       f.part AS part, a.near_kernels AS source_near_kernels,
       b.near_kernels AS target_near_kernels, f.near_kernel_energy AS energy, f.near_kernel_expected AS energy_expected,
       f.near_kernel_log_p AS log_p, f.near_kernel_log_p_low AS log_p_low, f.near_kernel_tests AS tests,
       f.near_kernel_nominal AS nominal, f.near_kernel_significant AS significant,
       f.near_kernel_significant_expected AS significant_expected, f.sparsification AS sparsification,
       f.sparsification_expected AS sparsification_expected
ORDER BY source_layer, target_layer, part
