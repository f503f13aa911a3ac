// The cheapest ways from one spectral neuron to another. An edge costs -ln(overlap), so the cheapest way has the largest product
// of overlaps. All ways of so many edges are weighed: on dense graphs raise least.
//
// @param model  model  the model's id
// @param from  text  name of the layer where it begins
// @param from_neuron  integer 0..  spectral neuron there
// @param to  text  name of the layer where it ends
// @param to_neuron  integer 0..  spectral neuron there
// @literal hops  integer 1..8 = 4  number of edges at most
// @literal least  number 0.. = 0  smallest overlap of an edge
// @literal significant  boolean = false  only significant edges
// @param limit  integer 1.. = 1  how many ways, the cheapest first
// @column cost  number  sum of -ln(overlap)
// @column layer_indices  list  index of each layer on the way
// @column layer_names  list  name of each
// @column neurons  list  the spectral neuron of each
// @column parts  list  of each edge: 0, or which attention head carries it
// @column overlaps  list  of each edge
// @column product  number  of the overlaps
MATCH (:Layer {model: $model, name: $from})-[:HAS_NEURON]->(a:SpectralNeuron {neuron: $from_neuron}),
      (:Layer {model: $model, name: $to})-[:HAS_NEURON]->(b:SpectralNeuron {neuron: $to_neuron})
MATCH p = (a)-[:CONNECTS*1..$hops (r, _ | WHERE r.overlap >= $least AND r.significant >= $significant)]->(b)
WITH properties(nodes(p), 'layer') AS layers, properties(nodes(p), 'neuron') AS neurons,
     properties(rels(p), 'part') AS parts, properties(rels(p), 'overlap') AS overlaps
WITH layers, neurons, parts, overlaps, list_product(overlaps) AS product
WHERE size(list_distinct(layers)) = size(layers) AND product > 0
WITH layers, neurons, parts, overlaps, product
ORDER BY product DESC, list_to_string(',', layers), list_to_string(',', neurons), list_to_string(',', parts)
LIMIT $limit
MATCH (l:Layer {model: $model})
WITH layers, neurons, parts, overlaps, product, map(collect(l.layer), collect(l.name)) AS names
RETURN 0.0 - ln(product) AS cost, layers AS layer_indices, list_transform(layers, i -> map_extract(names, i)[1]) AS layer_names,
       neurons, parts, overlaps, product
ORDER BY product DESC, list_to_string(',', layer_indices), list_to_string(',', neurons), list_to_string(',', parts)
