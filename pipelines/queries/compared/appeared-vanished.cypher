// What appeared and what vanished between two checkpoints that were compared (svr compare, or compare in a config): significant edges that only one
// of them has between neurons that match. An edge of a neuron without a match counts as a change. Nothing without a comparison.
//
// @param before  model  the earlier checkpoint's id
// @param after  model  the later checkpoint's id
// @param limit  integer 1.. = 100  rows at most
// @column change  text  appeared or vanished
// @column source_layer  integer  index of the layer that feeds
// @column source_name  text  its name
// @column source_neuron  integer  spectral neuron there
// @column target_layer  integer  index of the layer that is fed
// @column target_name  text  its name
// @column target_neuron  integer  spectral neuron there
// @column part  integer  0, or which attention head carries it
// @column overlap  number  in the checkpoint that has the edge
MATCH (x:Model)-[:KIN]-(y:Model) WHERE x.id = $before AND y.id = $after
WITH DISTINCT x.id AS compared
MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron)
WHERE a.model IN [$before, $after] AND e.significant
OPTIONAL MATCH (a)-[:MATCHES]-(c:SpectralNeuron)-[f:CONNECTS]->(d:SpectralNeuron)-[:MATCHES]-(b)
WHERE c.model IN [$before, $after] AND c.model <> a.model AND d.model = c.model AND f.significant AND f.part = e.part
WITH a.model AS model, a.layer AS source_layer, a.neuron AS source_neuron, b.layer AS target_layer, b.neuron AS target_neuron, e.part AS part,
     e.overlap AS overlap, count(f.part) AS found
WHERE found = 0
WITH CASE WHEN model = $after THEN 'appeared' ELSE 'vanished' END AS change, model, source_layer, source_neuron, target_layer, target_neuron, part,
     overlap
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part, change
LIMIT $limit
MATCH (k:Layer {model: model, layer: source_layer}), (l:Layer {model: model, layer: target_layer})
RETURN change, source_layer, k.name AS source_name, source_neuron, target_layer, l.name AS target_name, target_neuron, part, overlap
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part, change
