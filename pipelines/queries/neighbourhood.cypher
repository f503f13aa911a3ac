// The neighbourhood of a spectral neuron: what feeds it and what it feeds, over so many edges.
//
// @param model  model  the model's id
// @param layer  text  name of the neuron's layer
// @param neuron  integer 0..  spectral neuron there
// @literal hops  integer 1..8 = 1  number of edges at most
// @literal least  number 0.. = 0  smallest overlap of an edge
// @literal significant  boolean = false  only significant edges
// @param limit  integer 1.. = 100  rows at most
// @column side  text  in: it feeds the neuron; out: the neuron feeds it
// @column distance  integer  fewest edges between both
// @column layer_index  integer  index of the neighbour's layer
// @column layer_name  text  its name
// @column neuron  integer  spectral neuron there
// @column singular_value  number  its gain
// @column near_kernel  boolean  whether that is a small share of its layer's largest
// @column overlap  number?  the largest of the edges to it; null beyond distance 1
MATCH (:Layer {model: $model, name: $layer})-[:HAS_NEURON]->(n:SpectralNeuron {neuron: $neuron})
OPTIONAL MATCH (n)-[o:CONNECTS* SHORTEST 1..$hops (r, _ | WHERE r.overlap >= $least AND r.significant >= $significant)]->(t:SpectralNeuron)
WITH n, t, min(length(o)) AS distance
OPTIONAL MATCH (n)-[d:CONNECTS]->(t) WHERE d.significant OR NOT $significant
WITH n, t, distance, max(d.overlap) AS overlap
WITH n, collect({side: 'out', distance: distance, id: t.id, overlap: overlap}) AS outs
OPTIONAL MATCH (s:SpectralNeuron)-[i:CONNECTS* SHORTEST 1..$hops (r, _ | WHERE r.overlap >= $least AND r.significant >= $significant)]->(n)
WITH n, outs, s, min(length(i)) AS distance
OPTIONAL MATCH (s)-[d:CONNECTS]->(n) WHERE d.significant OR NOT $significant
WITH n, outs, s, distance, max(d.overlap) AS overlap
WITH n, outs, collect({side: 'in', distance: distance, id: s.id, overlap: overlap}) AS ins
UNWIND ins + outs AS x
WITH n, x WHERE x.id <> n.id
MATCH (l:Layer)-[:HAS_NEURON]->(m:SpectralNeuron {id: x.id})
RETURN x.side AS side, x.distance AS distance, l.layer AS layer_index, l.name AS layer_name, m.neuron AS neuron,
       m.singular_value AS singular_value, m.near_kernel AS near_kernel, CASE WHEN x.distance = 1 THEN x.overlap END AS overlap
ORDER BY side, distance, layer_index, neuron LIMIT $limit
