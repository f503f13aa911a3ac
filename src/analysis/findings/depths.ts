/** How deep each layer of a model lies. */

/** Who feeds whom, by layer index. */
export interface Flow {
  readonly source: number;
  readonly target: number;
  readonly via: string;
}

/**
 * The depth of each layer: the number of connections on the longest way to it, 0 where nothing feeds it. Recurrent and tied connections
 * lead nowhere new; a cycle of others is cut at its first layer.
 */
export function depths(layers: number, connections: readonly Flow[]): number[] {
  const depth = new Array<number>(layers).fill(0);
  const missing = new Array<number>(layers).fill(0);
  const targets = Array.from({ length: layers }, (): number[] => []);
  for (const { source, target, via } of connections) {
    if (via === "recurrent" || via === "tied" || source === target) continue;
    if (targets[source] === undefined || targets[target] === undefined) continue;
    targets[source].push(target);
    missing[target]!++;
  }
  const done = new Set<number>();
  const ready = Array.from(depth.keys()).filter((layer) => missing[layer] === 0);
  let first = 0;
  while (done.size < layers) {
    while (ready.length === 0) {
      if (!done.has(first)) ready.push(first);
      first++;
    }
    const layer = ready.pop()!;
    if (done.has(layer)) continue;
    done.add(layer);
    for (const target of targets[layer]!) {
      if (done.has(target)) continue;
      depth[target] = Math.max(depth[target]!, depth[layer]! + 1);
      if (--missing[target]! === 0) ready.push(target);
    }
  }
  return depth;
}
