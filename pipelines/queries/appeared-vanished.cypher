// What appeared and what vanished between two checkpoints: significant edges that only one of them has. A neuron is known by its
// place in the order of singular values, so neurons that change places count as changes too.
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
MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron)
WHERE a.model IN [$before, $after] AND e.significant
WITH a.layer AS source_layer, a.neuron AS source_neuron, b.layer AS target_layer, b.neuron AS target_neuron, e.part AS part,
     sum(CASE WHEN a.model = $before THEN 1 ELSE 0 END) AS earlier,
     sum(CASE WHEN a.model = $after THEN 1 ELSE 0 END) AS later, max(e.overlap) AS overlap
WHERE earlier = 0 OR later = 0
WITH CASE WHEN earlier = 0 THEN 'appeared' ELSE 'vanished' END AS change, CASE WHEN earlier = 0 THEN $after ELSE $before END AS model,
     source_layer, source_neuron, target_layer, target_neuron, part, overlap
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part
LIMIT $limit
MATCH (k:Layer {model: model, layer: source_layer}), (l:Layer {model: model, layer: target_layer})
RETURN change, source_layer, k.name AS source_name, source_neuron, target_layer, l.name AS target_name, target_neuron, part, overlap
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part
