/** A model's topology as a file for people to edit: YAML, with comments that say how each connection is known. */

import { stringify } from "yaml";
import type { DeclaredConnection } from "../model/topology.ts";
import { printable } from "../report/text.ts";
import type { Inspection, WrittenTopology } from "../run/inspect.ts";

/** What the comments above connections call how they are known. */
const KNOWN_BY = {
  graph: "traced: the model's own graph says so",
  architecture: "of a known architecture",
  declared: "declared by a topology",
  inferred: "inferred from the weights; take out `evidence: inferred` and `looked` where you are sure",
  chosen: "guessed, chosen by the weights; take out `evidence: guessed` and `looked` where you are sure",
  guessed: "guessed from names and shapes; take out `evidence: guessed` where you are sure",
} as const;

/** A list of one item per line. */
function list(key: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${key}:`, ...items];
}

const item = (value: object) => `  - ${stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim()}`;
const comment = (text: string) => `# ${printable(text)}`;

function knowledgeOf(
  { evidence, looked }: DeclaredConnection,
  knownBy: WrittenTopology["knownBy"],
): keyof typeof KNOWN_BY {
  if (evidence === "guessed" && looked !== undefined) return "chosen";
  return evidence === "guessed" || evidence === "inferred" ? evidence : knownBy;
}

/** Writes the topology of a model; what is read back from it gives the same layers and connections. */
export function topologyText({ id, uri, skipped }: Inspection, topology: WrittenTopology): string {
  const { layers, connections, knownBy } = topology;
  const unconnected = skipped.filter(({ subject }) => subject === "connection");
  let said = "";
  const lines = connections.flatMap((connection: DeclaredConnection) => {
    const by = KNOWN_BY[knowledgeOf(connection, knownBy)];
    const line = item(connection);
    if (by === said) {
      return [line];
    }
    said = by;
    return [`  # ${by}`, line];
  });
  return [
    comment(`Topology of ${id} (${uri}).`),
    "# To use it, save it beside the model as <model>.topology.yaml, or name it: svr run --topology <file>.",
    "# Layers: name; weight is its tensor, where the name does not say it. Connections: from feeds to.",
    ...layers.length === 0 ? ["layers: []"] : list("layers", layers.map(item)),
    ...list("connections", lines),
    ...unconnected.length === 0 ? [] : ["# Not connected:"],
    ...unconnected.map(({ name, reason }) => comment(`  ${name}: ${reason}`)),
    "",
  ].join("\n");
}
