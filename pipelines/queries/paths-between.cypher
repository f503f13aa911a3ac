// The strongest ways from one layer to another that pass no layer twice, by the product of their overlaps.
//
// @param model  model  the model's id
// @param from  text  name of the layer where they begin
// @param to  text  name of the layer where they end
// @literal hops  integer 1..8 = 4  number of edges at most
// @literal least  number 0.. = 0  smallest overlap of an edge; raise it where there are too many ways
// @literal significant  boolean = false  only significant edges
// @param limit  integer 1.. = 20  rows at most
// @column hops_taken  integer  number of edges
// @column layer_indices  list  index of each layer on the way
// @column layer_names  list  name of each
// @column neurons  list  the spectral neuron of each
// @column parts  list  of each edge: 0, or which attention head carries it
// @column overlaps  list  of each edge
// @column product  number  of the overlaps
MATCH (:Layer {model: $model, name: $from})-[:HAS_NEURON]->(a:SpectralNeuron),
      (:Layer {model: $model, name: $to})-[:HAS_NEURON]->(b:SpectralNeuron)
MATCH p = (a)-[:CONNECTS*1..$hops (r, _ | WHERE r.overlap >= $least AND r.significant >= $significant)]->(b)
WITH properties(nodes(p), 'layer') AS layers, properties(nodes(p), 'neuron') AS neurons,
     properties(rels(p), 'part') AS parts, properties(rels(p), 'overlap') AS overlaps
WHERE size(list_distinct(layers)) = size(layers)
WITH layers, neurons, parts, overlaps, list_product(overlaps) AS product
ORDER BY product DESC, list_to_string(',', layers), list_to_string(',', neurons), list_to_string(',', parts)
LIMIT $limit
MATCH (l:Layer {model: $model})
WITH layers, neurons, parts, overlaps, product, map(collect(l.layer), collect(l.name)) AS names
RETURN size(overlaps) AS hops_taken, layers AS layer_indices, list_transform(layers, i -> map_extract(names, i)[1]) AS layer_names,
       neurons, parts, overlaps, product
ORDER BY product DESC, list_to_string(',', layer_indices), list_to_string(',', neurons), list_to_string(',', parts)
