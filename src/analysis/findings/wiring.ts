/** Findings: what the weights say to the topology, where a run has asked them. */

import type { AuditedSide, AuditReport } from "../../model/audit-report.ts";
import { counted } from "../../model/counted.ts";
import type { ModelFacts } from "./facts.ts";
import type { Cell, Finding, FindingTable } from "./finding.ts";

/** Where the numbers come from: no table has them. */
const DERIVED = "permutation tests of pairs of sides of layers, as svr inspect --audit makes them";

const NULL_CONTROL = "does not apply: the test relabels channels itself";

/** Connections that the weights contradict, and spaces that they show and nobody declared: at most one finding of each. */
export function wiring({ audit }: ModelFacts): Finding[] {
  return audit === null ? [] : [...contradicted(audit), ...undeclared(audit)];
}

function contradicted({ looked, contradicted: found, exchanged, connections }: AuditReport): Finding[] {
  const [first] = found;
  if (first === undefined) return [];
  const fits = found.flatMap(({ source_fit, target_fit }) =>
    [source_fit, target_fit].map((fit) => fit?.log_p ?? 0)
  );
  const { contradicted: count, ...others } = connections;
  const all = count + Object.values(others).reduce((sum, each) => sum + each, 0);
  return [{
    kind: "contradicted-connections",
    title: `The weights contradict ${count} of ${
      counted(all, "connection")
    } of the topology. The first: ${first.said}.${exchanged.map(({ said }) => ` ${said}.`).join("")}`,
    surprise: Math.min(...fits),
    ...numbered({ contradicted: count, shown: connections.shown, pairs_looked_at: looked }),
    table: tableOf(
      "Connections that the weights contradict",
      [
        "from",
        "to",
        "part",
        "log_p",
        "joined_log_p",
        "source_fits",
        "source_fit_log_p",
        "target_fits",
        "target_fit_log_p",
      ],
      found.map((each) => [
        each.from,
        each.to,
        each.part,
        each.log_p,
        each.joined_log_p,
        each.source_fit === null ? null : sideText(each.source_fit),
        each.source_fit?.log_p ?? null,
        each.target_fit === null ? null : sideText(each.target_fit),
        each.target_fit?.log_p ?? null,
      ]),
    ),
    caveats: ["surprise is that of the best fit elsewhere, corrected for all pairs that were looked at"],
  }];
}

function undeclared({ looked, undeclared: found }: AuditReport): Finding[] {
  const [first] = found.toSorted((a, b) => a.log_p - b.log_p);
  if (first === undefined) return [];
  return [{
    kind: "undeclared-spaces",
    title: `The weights show ${
      counted(found.length, "space")
    } of channels that the topology does not declare. ${
      found.length === 1 ? "" : "The most certain: "
    }${first.said}.`,
    surprise: first.log_p,
    ...numbered({ spaces: found.length, pairs_looked_at: looked }),
    table: tableOf(
      "Spaces of channels that nobody declared",
      ["channels", "declared_spaces", "first", "second", "log_p", "pairs"],
      found.map((each) => [
        each.channels,
        each.spaces.length,
        sideText(each.first),
        sideText(each.second),
        each.log_p,
        each.pairs,
      ]),
    ),
    caveats: [
      "a missing skip looks so, and so do factors that scale channels and parts of a graph that could not be followed",
    ],
  }];
}

/** How much the weights told at all; nothing where they were not asked. */
export function auditRemarks({ audit }: ModelFacts): string[] {
  if (audit === null) return [];
  const { shown, supported, contradicted: against, untold, untested } = audit.connections;
  return [
    `Asked by ${
      counted(audit.looked, "pair")
    } of sides of layers, the weights show ${shown} connections of the topology, support ${supported} ` +
    `and contradict ${against}; they do not tell of ${untold}, and ${untested} cannot be tested.`,
  ];
}

const sideText = ({ layer, side, first_channel: first, channels }: AuditedSide) =>
  `${layer} ${side} ${first}-${first + channels - 1}`;

function numbered(
  values: Readonly<Record<string, number>>,
): Pick<Finding, "numbers" | "queries" | "null_control"> {
  return {
    numbers: Object.entries(values).map(([name, value]) => ({
      name,
      value,
      control: null,
      control_spread: null,
      derived: DERIVED,
    })),
    queries: [],
    null_control: NULL_CONTROL,
  };
}

const tableOf = (
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): FindingTable => ({ title, columns, rows, control: null, control_spread: null, queries: [] });
