/** The queries of the library in SQL, for DuckDB: by another hand than their Cypher, so that a test holds one against the other. */

/** Edges that a query keeps, with the names of their layers. */
export const KEPT = `kept AS (
  SELECT e.*, k.name AS source_name, l.name AS target_name FROM edges e
  JOIN layers k ON k.model = e.model AND k.layer_index = e.source_layer
  JOIN layers l ON l.model = e.model AND l.layer_index = e.target_layer)`;
/** An order of edges that leaves no tie. */
export const EDGE_ORDER = "overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part";

/** The names of a model's layers, and those of the layers of a way. */
const NAMED = "named AS (SELECT list(name ORDER BY layer_index) AS names FROM layers WHERE model = $model)";
const NAMES = "list_transform(layers, i -> names[i + 1])";

/** Ways along edges of one model, by a walk over the table of edges. */
const walks = (start: string) =>
  `RECURSIVE ${NAMED},
  good AS (SELECT * FROM edges WHERE model = $model AND overlap >= $least AND (significant OR NOT $significant)),
  walk AS (
    SELECT [source_layer, target_layer] AS layers, [source_neuron, target_neuron] AS neurons, [part] AS parts, [overlap] AS strengths,
           overlap AS product, 1 AS hops FROM good WHERE source_layer <> target_layer AND (${start})
    UNION ALL
    SELECT list_append(layers, target_layer), list_append(neurons, target_neuron), list_append(parts, part), list_append(strengths, overlap),
           product * overlap, hops + 1
    FROM walk JOIN good ON source_layer = layers[-1] AND source_neuron = neurons[-1]
    WHERE hops < $hops AND NOT list_contains(layers, target_layer))`;
const WALK_ORDER =
  "product DESC, array_to_string(layers, ','), array_to_string(neurons, ','), array_to_string(parts, ',')";
const layerOf = (name: string) => `(SELECT layer_index FROM layers WHERE model = $model AND name = ${name})`;

/** Reaches neurons from one, along edges (`out`) or against them (`in`). */
const reach = (side: "in" | "out", from: string, to: string) =>
  `${side}_reach AS (
    SELECT ${layerOf("$layer")} AS layer, $neuron::INTEGER AS neuron, 0 AS distance
    UNION
    SELECT ${to}_layer, ${to}_neuron, distance + 1 FROM ${side}_reach JOIN good ON ${from}_layer = layer AND ${from}_neuron = neuron
    WHERE distance < $hops)`;
const reached = (side: "in" | "out", from: string, to: string) =>
  `SELECT '${side}' AS side, r.distance, r.layer, r.neuron, (
      SELECT max(overlap) FROM edges WHERE model = $model AND (significant OR NOT $significant)
      AND ${from}_layer = ${
    layerOf("$layer")
  } AND ${from}_neuron = $neuron AND ${to}_layer = r.layer AND ${to}_neuron = r.neuron
      AND r.distance = 1) AS overlap
    FROM (SELECT layer, neuron, min(distance) AS distance FROM ${side}_reach GROUP BY ALL) r WHERE r.distance > 0`;

/** What each query answers, over the views of a lake (`svr lake sql`). Parameters, and the columns in their order, are those of the query. */
export const SQL_FORMS: Readonly<Record<string, string>> = {
  "models": `SELECT m.model, m.format, m.uri, m.series, m.step,
      (SELECT count(*) FROM layers l WHERE l.model = m.model), (SELECT count(*) FROM neurons n WHERE n.model = m.model),
      (SELECT count(*) FROM connections c WHERE c.model = m.model),
      (SELECT sum(significant) FROM connections c WHERE c.model = m.model)
    FROM models m ORDER BY m.model`,
  "strongest-edges":
    `WITH ${KEPT} SELECT model, source_layer, source_name, source_neuron, target_layer, target_name, target_neuron,
      part, overlap, weight, sigma, log_p, log_q, q_value FROM kept WHERE ($model = '' OR model = $model) AND (significant OR NOT $significant)
    ORDER BY overlap DESC, model, source_layer, source_neuron, target_layer, target_neuron, part LIMIT $limit`,
  "strongest-paths":
    `WITH ${KEPT} SELECT a.source_layer, a.source_name, a.source_neuron, a.target_layer, a.target_name, a.target_neuron,
      b.target_layer, b.target_name, b.target_neuron, a.part, b.part, a.overlap, b.overlap, a.overlap * b.overlap AS product
    FROM kept a JOIN kept b ON b.model = a.model AND b.source_layer = a.target_layer AND b.source_neuron = a.target_neuron
    WHERE a.model = $model
    ORDER BY product DESC, a.source_layer, a.source_neuron, a.target_layer, a.target_neuron, b.target_layer, b.target_neuron, a.part, b.part
    LIMIT $limit`,
  "connections":
    `SELECT source_layer, k.name, target_layer, l.name, part, via, shared_log_p, sparse, tests, significant, expected_by_chance, max_overlap FROM connections c
    JOIN layers k ON k.model = c.model AND k.layer_index = source_layer
    JOIN layers l ON l.model = c.model AND l.layer_index = target_layer
    WHERE c.model = $model ORDER BY source_layer, target_layer, part`,
  "compositions":
    `SELECT source_layer, k.name, target_layer, l.name, composition, composition_score, tests, significant, expected_by_chance, max_overlap
    FROM connections c
    JOIN layers k ON k.model = c.model AND k.layer_index = source_layer
    JOIN layers l ON l.model = c.model AND l.layer_index = target_layer
    WHERE c.model = $model AND composition IS NOT NULL AND (significant > 0 OR NOT $significant)
    ORDER BY significant DESC, max_overlap DESC, source_layer, target_layer, composition LIMIT $limit`,
  "near-kernel-blocks":
    `SELECT source_layer, k.name, target_layer, l.name, part, k.near_kernels, l.near_kernels, near_kernel_energy, near_kernel_expected,
      near_kernel_log_p, near_kernel_log_p_low, near_kernel_tests, near_kernel_nominal, near_kernel_significant,
      near_kernel_significant_expected, sparsification, sparsification_expected
    FROM connections c
    JOIN layers k ON k.model = c.model AND k.layer_index = source_layer
    JOIN layers l ON l.model = c.model AND l.layer_index = target_layer
    WHERE c.model = $model ORDER BY source_layer, target_layer, part`,
  "hubs": `WITH ends AS (
      SELECT target_layer AS layer, target_neuron AS neuron, 1 AS i, 0 AS o, weight AS wi, 0 AS wo
      FROM edges WHERE model = $model AND (significant OR NOT $significant)
      UNION ALL
      SELECT source_layer, source_neuron, 0, 1, 0, weight
      FROM edges WHERE model = $model AND (significant OR NOT $significant))
    SELECT e.layer, l.name, e.neuron, count(*) AS degree, sum(i), sum(o), sum(wi), sum(wo), any_value(singular_value), any_value(near_kernel)
    FROM ends e JOIN layers l ON l.model = $model AND l.layer_index = e.layer
    JOIN neurons n ON n.model = $model AND n.layer_index = e.layer AND n.neuron = e.neuron
    GROUP BY l.name, e.layer, e.neuron ORDER BY degree DESC, e.layer, e.neuron LIMIT $limit`,
  "orphans": `SELECT n.layer_index, l.name, n.neuron, singular_value, relative, near_kernel, "null"
    FROM neurons n JOIN layers l USING (model, layer_index)
    WHERE model = $model AND (n.layer_index, n.neuron) NOT IN (
      SELECT (source_layer, source_neuron) FROM edges WHERE model = $model AND (significant OR NOT $significant)
      UNION SELECT (target_layer, target_neuron) FROM edges WHERE model = $model AND (significant OR NOT $significant))
    ORDER BY n.layer_index, n.neuron LIMIT $limit`,
  "near-kernel-edges":
    `WITH ${KEPT} SELECT source_layer, source_name, source_neuron, a.relative, target_layer, target_name, target_neuron, b.relative,
      part, overlap, log_p, log_q, q_value, significant
    FROM kept e JOIN neurons a ON a.model = e.model AND a.layer_index = source_layer AND a.neuron = source_neuron
    JOIN neurons b ON b.model = e.model AND b.layer_index = target_layer AND b.neuron = target_neuron
    WHERE e.model = $model AND a.near_kernel AND b.near_kernel AND (significant OR NOT $significant)
    ORDER BY ${EDGE_ORDER} LIMIT $limit`,
  "weightwatcher": `WITH l AS (SELECT *, pooled_matrix_rank IS NOT NULL AS pooled,
      CASE WHEN kind LIKE 'conv%' THEN positions ELSE 1 END AS rf, out_channels // groups AS outs,
      in_channels // groups * positions // CASE WHEN kind LIKE 'conv%' THEN positions ELSE 1 END AS ins
    FROM layers WHERE model = $model AND rank IS NOT NULL)
    SELECT layer_index, name, name, CASE kind WHEN 'linear' THEN 'dense' WHEN 'conv' THEN 'conv2d' ELSE kind END, pooled,
      least(outs, ins), greatest(outs, ins), greatest(outs, ins) / least(outs, ins), rf, if(pooled, least(outs, ins) * rf * groups, rank),
      if(pooled, pooled_alpha, alpha), if(pooled, pooled_xmin, xmin), if(pooled, pooled_D, D), if(pooled, pooled_sigma, sigma),
      if(pooled, pooled_num_pl_spikes, num_pl_spikes), if(pooled, pooled_alpha_weighted, alpha_weighted), if(pooled, pooled_log_alpha_norm, log_alpha_norm), if(pooled, pooled_log_norm, log_norm),
      if(pooled, pooled_log_spectral_norm, log_spectral_norm), if(pooled, pooled_stable_rank, stable_rank), if(pooled, pooled_matrix_rank, matrix_rank), if(pooled, pooled_entropy, entropy),
      if(pooled, pooled_rank_loss, rank_loss), if(pooled, pooled_detX_num, detX_num), if(pooled, pooled_detX_val, detX_val),
      10 ** if(pooled, pooled_log_norm, log_norm), 10 ** if(pooled, pooled_log_spectral_norm, log_spectral_norm),
      sqrt(10 ** if(pooled, pooled_log_spectral_norm, log_spectral_norm)),
      CASE WHEN if(pooled, pooled_alpha, alpha) < 2 THEN 'over-trained' WHEN if(pooled, pooled_alpha, alpha) > 6 THEN 'under-trained' ELSE '' END,
      alpha_p, num_spikes, sigma_mp, bulk_min, bulk_max, mp_softrank, rand_num_spikes, rand_distance, ww_softrank
    FROM l ORDER BY layer_index`,
  "layer-metrics":
    `SELECT layer_index, name, kind, alpha, alpha_low, alpha_high, alpha_p, D, num_pl_spikes, stable_rank, entropy, num_spikes,
      mp_distance, mp_softrank, rand_distance, bulk_mean_loc_ratio, tail_mean_loc_ratio
    FROM layers WHERE model = $model ORDER BY layer_index`,
  "spikes":
    `SELECT n.layer_index, l.name, neuron, singular_value, energy, spike_log_p, loc_ratio, near_kernel FROM neurons n
    JOIN layers l USING (model, layer_index) WHERE model = $model AND spike_log_p <= $log_p
    ORDER BY spike_log_p, n.layer_index, neuron LIMIT $limit`,
  "layers-by-significance": `WITH touching AS (
      SELECT model, target_layer AS layer_index, tests AS it, significant AS i, 0 AS ot, 0 AS o, expected_by_chance AS c FROM connections
      UNION ALL SELECT model, source_layer, 0, 0, tests, significant, expected_by_chance FROM connections),
    counted AS (SELECT l.name, l.kind, coalesce(l.rank, 0) AS neurons, l.layer_index, coalesce(sum(it), 0) AS it,
      coalesce(sum(i), 0) AS i, coalesce(sum(ot), 0) AS ot, coalesce(sum(o), 0) AS o, coalesce(sum(c), 0) AS c
      FROM layers l LEFT JOIN touching USING (model, layer_index) WHERE model = $model GROUP BY ALL)
    SELECT layer_index, name, kind, neurons, it + ot, i + o, c, (i + o)::DOUBLE / nullif(it + ot, 0) AS share,
      i::DOUBLE / nullif(it, 0), o::DOUBLE / nullif(ot, 0) FROM counted ORDER BY share DESC NULLS LAST, layer_index`,
  "series": `WITH fed AS (
      SELECT model, target_layer AS layer_index, sum(tests) AS t, sum(significant) AS s, sum(expected_by_chance) AS c, max(max_overlap) AS o
      FROM connections GROUP BY ALL)
    SELECT m.series, l.layer_index, l.name, m.step, m.id, coalesce(l.rank, 0), spectral_norm, stable_rank, coalesce(t, 0), coalesce(s, 0),
      coalesce(c, 0), o
    FROM models m JOIN layers l USING (model) LEFT JOIN fed USING (model, layer_index)
    WHERE m.series IS NOT NULL AND m.step IS NOT NULL AND ($series = '' OR m.series = $series) AND ($layer = '' OR l.name = $layer)
    ORDER BY m.series, l.layer_index, l.name, m.step, m.id LIMIT $limit`,
  "compare-models": `WITH told AS (SELECT *,
      (SELECT count(*) FROM neurons n WHERE n.model = l.model AND n.layer_index = l.layer_index AND near_kernel)::DOUBLE / rank AS near,
      (SELECT coalesce(sum(significant), 0) FROM connections c WHERE c.model = l.model AND c.target_layer = l.layer_index) AS found
      FROM layers l),
    a AS (FROM told WHERE model = $model), b AS (FROM told WHERE model = $other AND model <> $model),
    c AS (SELECT base_layer AS i, other_layer AS j FROM correspondences WHERE base = $model AND model = $other
      UNION SELECT other_layer, base_layer FROM correspondences WHERE base = $other AND model = $model)
    SELECT a.layer_index, a.name, b.layer_index, b.name, a.rank, b.rank, a.spectral_norm, b.spectral_norm, a.stable_rank, b.stable_rank,
      a.near, b.near, a.found, b.found
    FROM (FROM a LEFT JOIN c ON c.i = a.layer_index) a FULL JOIN b ON b.layer_index = a.j
    ORDER BY a.layer_index NULLS LAST, b.layer_index`,
  "appeared-vanished": `WITH compared AS (SELECT count(*) AS n FROM kinship
      WHERE base = $before AND model = $after OR base = $after AND model = $before),
    matched AS (SELECT base AS m, base_layer AS l, base_neuron AS n, model AS om, other_layer AS ol, other_neuron AS o_n FROM matches
      UNION ALL SELECT model, other_layer, other_neuron, base, base_layer, base_neuron FROM matches),
    good AS (FROM edges WHERE significant AND model IN ($before, $after)),
    kept AS (SELECT e.model, e.source_layer, e.source_neuron, e.target_layer, e.target_neuron, e.part FROM good e
      JOIN matched s ON s.m = e.model AND s.l = e.source_layer AND s.n = e.source_neuron
      JOIN matched t ON t.m = e.model AND t.l = e.target_layer AND t.n = e.target_neuron AND t.om = s.om
      JOIN good f ON f.model = s.om AND f.source_layer = s.ol AND f.source_neuron = s.o_n AND f.target_layer = t.ol
        AND f.target_neuron = t.o_n AND f.part = e.part AND f.model <> e.model)
    SELECT if(e.model = $after, 'appeared', 'vanished') AS change, e.source_layer, k.name, source_neuron, e.target_layer, l.name, target_neuron,
      part, overlap
    FROM good e ANTI JOIN kept USING (model, source_layer, source_neuron, target_layer, target_neuron, part)
    JOIN layers k ON k.model = e.model AND k.layer_index = e.source_layer
    JOIN layers l ON l.model = e.model AND l.layer_index = e.target_layer
    WHERE (SELECT n FROM compared) > 0
    ORDER BY ${EDGE_ORDER}, change LIMIT $limit`,
  "kinship": `SELECT base, model, log_p, log_p_corrected, comparisons, spaces, reordered, distance, topology,
      (SELECT coalesce(sum(intruders), 0) FROM correspondences c WHERE c.base = k.base AND c.model = k.model),
      (SELECT coalesce(sum(leading_neurons), 0) FROM correspondences c WHERE c.base = k.base AND c.model = k.model)
    FROM kinship k WHERE $model = '' OR $model IN (base, model) ORDER BY model, base LIMIT $limit`,
  "changed-layers":
    `SELECT base_layer, base_name, other_layer, other_name, evidence, relative_change, change_rank, change_stable_rank,
      spectrum_distance, leading_neurons, intruders, kept, lost, gained
    FROM correspondences WHERE base = $base AND model = $other
    ORDER BY relative_change DESC NULLS LAST, base_layer, other_layer LIMIT $limit`,
  "intruders": `SELECT base_layer, base_name, other_layer, other_name, other_neuron, singular_value, cosine
    FROM intruders JOIN correspondences USING (base, model, base_layer, other_layer) WHERE base = $base AND model = $other
    ORDER BY singular_value DESC, other_layer, other_neuron, base_layer LIMIT $limit`,
  "match":
    `SELECT base_layer, base_name, base_neuron, other_layer, other_name, other_neuron, left_cosine, right_cosine, similarity, log_p,
      log_p_corrected
    FROM matches JOIN correspondences USING (base, model, base_layer, other_layer)
    WHERE base = $base AND model = $other AND ($layer = '' OR $layer IN (base_name, other_name))
    ORDER BY base_layer, base_neuron, other_layer, other_neuron LIMIT $limit`,
  "tracks": `WITH named AS (SELECT t.*, k.name AS base_name, l.name AS other_name FROM tracks t
      JOIN layers k ON k.model = t.base AND k.layer_index = t.base_layer JOIN layers l ON l.model = t.model AND l.layer_index = t.other_layer),
    strongest AS (SELECT series_key, track, max(greatest(base_singular_value, other_singular_value)) AS strength FROM named
      WHERE ($series = '' OR series = $series) AND ($layer = '' OR $layer IN (base_name, other_name)) GROUP BY ALL
      HAVING CASE $event WHEN 'birth' THEN bool_or(birth) WHEN 'death' THEN bool_or(death) ELSE true END
      ORDER BY strength DESC, series_key, track LIMIT $limit)
    SELECT series, series_key, track, strength, base, model, base_step, other_step, base_layer, base_name, other_layer, other_name,
      base_neuron, other_neuron, base_singular_value, other_singular_value, similarity, birth, death
    FROM strongest JOIN named USING (series_key, track)
    ORDER BY strength DESC, series_key, track, base_step, base, model`,
  "quantization-damage":
    `SELECT c.base_layer, base_name, c.other_layer, other_name, a.dtype, b.dtype, relative_change, spectrum_distance,
      lost, lost::DOUBLE / nullif(kept + lost, 0) AS lost_share,
      (SELECT count(*) FROM matches m WHERE m.base = c.base AND m.model = c.model AND m.base_layer = c.base_layer
        AND m.other_layer = c.other_layer AND base_neuron < $leading),
      (SELECT min(abs(similarity)) FROM matches m WHERE m.base = c.base AND m.model = c.model AND m.base_layer = c.base_layer
        AND m.other_layer = c.other_layer AND base_neuron < $leading)
    FROM correspondences c JOIN layers a ON a.model = c.base AND a.layer_index = base_layer
    JOIN layers b ON b.model = c.model AND b.layer_index = other_layer
    WHERE c.base = $base AND c.model = $other
    ORDER BY lost_share DESC NULLS LAST, relative_change DESC NULLS LAST, c.base_layer, c.other_layer LIMIT $limit`,
  "chains": `WITH ${
    walks("true")
  } SELECT layers, ${NAMES}, neurons, parts, strengths, product FROM walk, named WHERE hops = $hops
    ORDER BY ${WALK_ORDER} LIMIT $limit`,
  "paths-between": `WITH ${walks(`source_layer = ${layerOf("$from")}`)}
    SELECT hops, layers, ${NAMES}, neurons, parts, strengths, product FROM walk, named WHERE layers[-1] = ${
    layerOf("$to")
  }
    ORDER BY ${WALK_ORDER} LIMIT $limit`,
  "shortest-path": `WITH ${walks(`source_layer = ${layerOf("$from")} AND source_neuron = $from_neuron`)}
    SELECT list_sum(list_transform(strengths, x -> -ln(x))), layers, ${NAMES}, neurons, parts, strengths, product FROM walk, named
    WHERE layers[-1] = ${layerOf("$to")} AND neurons[-1] = $to_neuron ORDER BY ${WALK_ORDER} LIMIT $limit`,
  "neighbourhood": `WITH RECURSIVE
    good AS (SELECT * FROM edges WHERE model = $model AND overlap >= $least AND (significant OR NOT $significant)),
    ${reach("out", "source", "target")}, ${reach("in", "target", "source")}
    SELECT side, distance, x.layer, l.name, x.neuron, singular_value, near_kernel, overlap
    FROM (${reached("out", "source", "target")} UNION ALL ${reached("in", "target", "source")}) x
    JOIN layers l ON l.model = $model AND l.layer_index = x.layer
    JOIN neurons n ON n.model = $model AND n.layer_index = x.layer AND n.neuron = x.neuron
    ORDER BY side, distance, x.layer, x.neuron LIMIT $limit`,
};
