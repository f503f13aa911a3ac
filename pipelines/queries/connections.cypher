// Each connection of a model against chance.
//
// @param model  model  the model's id
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column part  integer  0, or which attention head it goes through
// @column via  text  direct, residual, concat, …
// @column shared_log_p  number?  natural logarithm of the chance of as much likeness between channels if the two layers shared none; null where that cannot be tested
// @column sparse  boolean  whether many weights of one of the two are zero; pairs are tested then only where channels are known to be shared
// @column pairs  integer  pairs of neurons that were tested
// @column significant  integer  edges whose adjusted p-value is at most alpha
// @column by_chance  number  how many of those chance would give
// @column max_overlap  number  the largest overlap, in [0, 1]
MATCH (a:Layer {model: $model})-[f:FEEDS]->(b:Layer)
RETURN a.layer AS source_layer, a.name AS source_name, b.layer AS target_layer, b.name AS target_name,
       f.part AS part, f.via AS via, f.shared_log_p AS shared_log_p, f.sparse AS sparse,
       f.tests AS pairs, f.significant AS significant, f.expected_by_chance AS by_chance, f.max_overlap AS max_overlap
ORDER BY source_layer, target_layer, part
