// The strongest edges over all models of the store.
MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron)
RETURN a.model AS model, a.layer AS source_layer, a.neuron AS source, b.layer AS target_layer, b.neuron AS target, e.overlap AS overlap
ORDER BY overlap DESC, model LIMIT 20
