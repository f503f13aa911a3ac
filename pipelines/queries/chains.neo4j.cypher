// Neo4j's own text of chains.cypher: other functions of lists, and predicates beside the pattern.
MATCH p = (:SpectralNeuron {model: $model})-[:CONNECTS*$hops..$hops]->(:SpectralNeuron)
WHERE all(r IN relationships(p) WHERE r.overlap >= $least AND r.significant >= $significant)
WITH [n IN nodes(p) | n.layer] AS layers, [n IN nodes(p) | n.neuron] AS neurons,
     [r IN relationships(p) | r.part] AS parts, [r IN relationships(p) | r.overlap] AS overlaps
WHERE all(i IN range(1, size(layers) - 1) WHERE NOT layers[i] IN layers[..i])
WITH layers, neurons, parts, overlaps,
     reduce(product = 1.0, overlap IN overlaps | product * overlap) AS product
ORDER BY product DESC,
         reduce(text = '', n IN layers | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN neurons | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN parts | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n))
LIMIT $limit
MATCH (l:Layer {model: $model}) WHERE l.layer IN layers
WITH layers, neurons, parts, overlaps, product, collect(l) AS known
RETURN layers AS layer_indices, [i IN layers | head([l IN known WHERE l.layer = i | l.name])] AS layer_names, neurons, parts, overlaps, product
ORDER BY product DESC,
         reduce(text = '', n IN layer_indices | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN neurons | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN parts | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n))
