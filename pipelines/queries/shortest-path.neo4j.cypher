// Neo4j's own text of shortest-path.cypher: other functions of lists, and predicates beside the pattern.
MATCH (:Layer {model: $model, name: $from})-[:HAS_NEURON]->(a:SpectralNeuron {neuron: $from_neuron}),
      (:Layer {model: $model, name: $to})-[:HAS_NEURON]->(b:SpectralNeuron {neuron: $to_neuron})
MATCH p = (a)-[:CONNECTS*1..$hops]->(b)
WHERE all(r IN relationships(p) WHERE r.overlap >= $least AND r.significant >= $significant)
WITH [n IN nodes(p) | n.layer] AS layers, [n IN nodes(p) | n.neuron] AS neurons,
     [r IN relationships(p) | r.part] AS parts, [r IN relationships(p) | r.overlap] AS overlaps
WITH layers, neurons, parts, overlaps, reduce(product = 1.0, overlap IN overlaps | product * overlap) AS product
WHERE all(i IN range(1, size(layers) - 1) WHERE NOT layers[i] IN layers[..i]) AND product > 0
WITH layers, neurons, parts, overlaps, product
ORDER BY product DESC,
         reduce(text = '', n IN layers | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN neurons | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN parts | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n))
LIMIT $limit
MATCH (l:Layer {model: $model}) WHERE l.layer IN layers
WITH layers, neurons, parts, overlaps, product, collect(l) AS known
RETURN 0.0 - log(product) AS cost, layers AS layer_indices, [i IN layers | head([l IN known WHERE l.layer = i | l.name])] AS layer_names,
       neurons, parts, overlaps, product
ORDER BY product DESC,
         reduce(text = '', n IN layer_indices | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN neurons | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n)),
         reduce(text = '', n IN parts | text + CASE text WHEN '' THEN '' ELSE ',' END + toString(n))
