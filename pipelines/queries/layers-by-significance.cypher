// The layers of a model by the share of tested pairs, into them and out of them, that are significant edges.
//
// @param model  model  the model's id
// @column layer_index  integer  index of the layer
// @column layer_name  text  its name
// @column kind  text  linear, conv, …
// @column neurons  integer  number of its spectral neurons; 0 where it was skipped
// @column tests  integer  pairs tested with the layers before and after it
// @column significant  integer  significant edges among them
// @column by_chance  number  how many chance would give
// @column share  number?  significant / tests; null where nothing was tested
// @column in_share  number?  the same for the connections into it
// @column out_share  number?  the same for the connections out of it
MATCH (l:Layer {model: $model})
OPTIONAL MATCH (:Layer)-[i:FEEDS]->(l)
WITH l, coalesce(sum(i.tests), 0) AS in_tests, coalesce(sum(i.significant), 0) AS in_found,
     coalesce(sum(i.expected_by_chance), 0.0) AS in_chance
OPTIONAL MATCH (l)-[o:FEEDS]->(:Layer)
WITH l, in_tests, in_found, in_chance, coalesce(sum(o.tests), 0) AS out_tests,
     coalesce(sum(o.significant), 0) AS out_found, coalesce(sum(o.expected_by_chance), 0.0) AS out_chance
WITH l, in_tests + out_tests AS tests, in_found + out_found AS significant, in_chance + out_chance AS by_chance,
     CASE WHEN in_tests + out_tests > 0 THEN 1.0 * (in_found + out_found) / (in_tests + out_tests) END AS share,
     CASE WHEN in_tests > 0 THEN 1.0 * in_found / in_tests END AS in_share,
     CASE WHEN out_tests > 0 THEN 1.0 * out_found / out_tests END AS out_share
RETURN l.layer AS layer_index, l.name AS layer_name, l.kind AS kind, coalesce(l.rank, 0) AS neurons, tests, significant,
       0.0 + by_chance AS by_chance, share, in_share, out_share
ORDER BY coalesce(share, -1.0) DESC, layer_index
