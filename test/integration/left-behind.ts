/** What a run has left, read by other means than its own, for tests that compare runs. */

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { parquetReadObjects } from "hyparquet";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";

const text = (rows: readonly unknown[]) =>
  rows.map((row) => JSON.stringify(row, (_, v: unknown) => typeof v === "bigint" ? Number(v) : v));

/** All paths below a folder, sorted; a model that was written twice has one name or the other. */
export async function pathsIn(out: string): Promise<string[]> {
  return (await entriesIn(out)).map(plain).sort();
}

async function entriesIn(out: string): Promise<string[]> {
  if (!existsSync(out)) return [];
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(out, join(entry.parentPath, entry.name)));
}

const plain = (path: string) => path.replace(/-b\.parquet$/, ".parquet");

/** Every row of every table file, by path: of Parquet in its order, of Arrow sorted, for it promises none. */
export async function rowsIn(out: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const path of (await entriesIn(out)).sort()) {
    if (!/\.(parquet|arrow)$/.test(path)) continue;
    const bytes = await readFile(join(out, path));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    found[plain(path)] = text(
      path.endsWith(".arrow")
        ? tableFromIPC(bytes).toArray().map((row: { toJSON(): unknown }) => row.toJSON())
        : await parquetReadObjects({ file }),
    );
    if (path.endsWith(".arrow")) found[plain(path)]?.sort();
  }
  return found;
}

/** Every model, layer, neuron and edge of the graph store, sorted; whose run it is left out. */
export async function graphIn(out: string): Promise<string[]> {
  const reader = await openLadybugReader(join(out, "graph.lbug"));
  try {
    const found: string[] = [];
    for (
      const query of [
        "MATCH (m:Model) RETURN m.id, m.format",
        "MATCH (m:Model)-[:HAS_LAYER]->(l:Layer) RETURN m.id, l.layer, l.name, l.stable_rank",
        "MATCH (l:Layer)-[:HAS_NEURON]->(n:SpectralNeuron) RETURN l.model, n.layer, n.neuron, n.singular_value",
        "MATCH (a:Layer)-[e:FEEDS]->(b:Layer) RETURN a.model, a.layer, b.layer, e.entropy, e.tests",
        "MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron) " +
        "RETURN a.model, a.layer, a.neuron, b.model, b.layer, b.neuron, e.overlap, e.log_p, e.log_q, e.weight",
      ]
    ) found.push(...text((await reader.query(query)).rows).sort());
    return found;
  } finally {
    await reader.close();
  }
}
