// What appeared and what vanished between two checkpoints: significant edges that only one of them has. A neuron is known by its
// place in the order of singular values, so neurons that change places count as changes too.
//
// @param before  model  the earlier checkpoint's id
// @param after  model  the later checkpoint's id
// @param limit  integer 1.. = 100  rows at most
// @column change  text  appeared or vanished
// @column source_layer  integer  index of the layer that feeds
// @column source  integer  spectral neuron there
// @column target_layer  integer  index of the layer that is fed
// @column target  integer  spectral neuron there
// @column part  integer  0, or which attention head carries it
// @column overlap  number  in the checkpoint that has the edge
MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron)
WHERE a.model IN [$before, $after] AND e.significant
WITH a.layer AS source_layer, a.neuron AS source, b.layer AS target_layer, b.neuron AS target, e.part AS part,
     sum(CASE WHEN a.model = $before THEN 1 ELSE 0 END) AS earlier,
     sum(CASE WHEN a.model = $after THEN 1 ELSE 0 END) AS later, max(e.overlap) AS overlap
WHERE earlier = 0 OR later = 0
RETURN CASE WHEN earlier = 0 THEN 'appeared' ELSE 'vanished' END AS change,
       source_layer, source, target_layer, target, part, overlap
ORDER BY overlap DESC, source_layer, source, target_layer, target, part LIMIT $limit
