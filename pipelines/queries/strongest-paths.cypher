// The strongest ways through two connections in a row, in one model ($model).
MATCH (m:Model {id: $model})-[:HAS_LAYER]->(k:Layer)-[:HAS_NEURON]->(a:SpectralNeuron)
      -[e:CONNECTS]->(b:SpectralNeuron)-[f:CONNECTS]->(c:SpectralNeuron)
RETURN k.name AS layer, a.neuron AS source, b.neuron AS middle, c.neuron AS target,
       e.overlap AS first_overlap, f.overlap AS second_overlap, e.overlap * f.overlap AS product
ORDER BY product DESC, layer, source, middle, target LIMIT 5
