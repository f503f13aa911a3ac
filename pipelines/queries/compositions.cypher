// Compositions of attention heads: what the OV circuit of one writes, and how much of it the circuit of a later one reads.
//
// @param model  model  the model's id
// @param significant  boolean = false  only compositions with significant edges
// @param limit  integer 1.. = 20  rows at most
// @column source_layer  integer  index of the circuit that writes
// @column source_name  text  its name
// @column target_layer  integer  index of the circuit that reads
// @column target_name  text  its name
// @column composition  text  Q, K or V: as queries, as keys (both of a QK circuit, without positions) or as values
// @column score  number?  composition score, |B A| / (|B| |A|), in [0, 1]; null where a circuit is 0
// @column pairs  integer  pairs of neurons that were tested
// @column significant  integer  edges whose adjusted p-value is at most alpha
// @column by_chance  number  how many of those chance would give
// @column max_overlap  number  the largest overlap, in [0, 1]
MATCH (a:Layer {model: $model})-[f:FEEDS]->(b:Layer)
WHERE f.composition IS NOT NULL AND (f.significant > 0 OR NOT $significant)
RETURN a.layer AS source_layer, a.name AS source_name, b.layer AS target_layer, b.name AS target_name,
       f.composition AS composition, f.composition_score AS score, f.tests AS pairs, f.significant AS significant,
       f.expected_by_chance AS by_chance, f.max_overlap AS max_overlap
ORDER BY significant DESC, max_overlap DESC, source_layer, target_layer, composition
LIMIT $limit
