// Neo4j's own text of neighbourhood.cypher: predicates beside the pattern.
MATCH (:Layer {model: $model, name: $layer})-[:HAS_NEURON]->(n:SpectralNeuron {neuron: $neuron})
OPTIONAL MATCH p = (n)-[:CONNECTS*1..$hops]->(t:SpectralNeuron)
WHERE all(r IN relationships(p) WHERE r.overlap >= $least AND r.significant >= $significant)
WITH n, t, min(length(p)) AS distance
OPTIONAL MATCH (n)-[d:CONNECTS]->(t) WHERE d.significant OR NOT $significant
WITH n, t, distance, max(d.overlap) AS overlap
WITH n, collect({side: 'out', distance: distance, id: t.id, overlap: overlap}) AS outs
OPTIONAL MATCH p = (s:SpectralNeuron)-[:CONNECTS*1..$hops]->(n)
WHERE all(r IN relationships(p) WHERE r.overlap >= $least AND r.significant >= $significant)
WITH n, outs, s, min(length(p)) AS distance
OPTIONAL MATCH (s)-[d:CONNECTS]->(n) WHERE d.significant OR NOT $significant
WITH n, outs, s, distance, max(d.overlap) AS overlap
WITH n, outs, collect({side: 'in', distance: distance, id: s.id, overlap: overlap}) AS ins
UNWIND ins + outs AS x
WITH n, x WHERE x.id <> n.id
MATCH (l:Layer)-[:HAS_NEURON]->(m:SpectralNeuron {id: x.id})
RETURN x.side AS side, x.distance AS distance, l.layer AS layer_index, l.name AS layer_name, m.neuron AS neuron,
       m.singular_value AS singular_value, m.near_kernel AS near_kernel, CASE WHEN x.distance = 1 THEN x.overlap END AS overlap
ORDER BY side, distance, layer_index, neuron LIMIT $limit
