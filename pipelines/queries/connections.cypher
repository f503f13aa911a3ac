// Each connection of a model ($model) against chance.
MATCH (a:Layer {model: $model})-[f:FEEDS]->(b:Layer)
RETURN a.name AS source, b.name AS target, f.via AS via, f.tests AS pairs, f.significant AS significant,
       f.expected_by_chance AS by_chance, f.max_overlap AS max_overlap
ORDER BY a.layer, b.layer
