/** Models side by side. */

import { median, quantile } from "../../stats/ordinary.ts";
import type { ModelFigures } from "./figures.ts";
import { decimal, percent, pText } from "./words.ts";

/** A model in a comparison. */
export interface ComparedModel {
  readonly id: string;
  readonly figures: ModelFigures;
  readonly null_control: ModelFigures | null;
}

/** A figure that models are compared by. */
interface Compared {
  readonly header: string;
  readonly cell: (figures: ModelFigures) => string;
}

const orEmpty = (value: number | null, say: (value: number) => string) => value === null ? "" : say(value);

const COMPARED: readonly Compared[] = [
  { header: "near-kernels, deep", cell: (of) => orEmpty(of.near_kernel_share, percent) },
  { header: "edges / chance, deep", cell: (of) => orEmpty(of.edges_ratio, decimal) },
  { header: "between near-kernels", cell: (of) => orEmpty(of.block_edges_ratio, decimal) },
  {
    header: "by connection",
    cell: ({ block_edges_ratio_range: range }) =>
      range === null ? "" : `${decimal(range[0])} to ${decimal(range[1])}`,
  },
  { header: "overlap / chance there", cell: (of) => orEmpty(of.block_energy_ratio, decimal) },
  { header: "best chain, layers", cell: (of) => orEmpty(of.chain_layers, decimal) },
  { header: "its joint p", cell: (of) => orEmpty(of.chain_log_p, pText) },
  { header: "ln path metric", cell: (of) => orEmpty(of.log_path_metric, decimal) },
];

/** What the columns of the comparison mean. */
export const COMPARISON_MEANING =
  "deep: layers deeper than half of the deepest, of a model that is mostly convolutions of these only; where there is no connection between two, " +
  "all connections. edges: pairs with p <= alpha. between near-kernels: the same among these, over all connections and from the smallest to the " +
  "largest; overlap there: their total overlap. The queries of each number stand with the model's findings.";

/**
 * A row per model and, behind it, one of its null control.
 *
 * @param steps of checkpoints of a series, by id
 */
export function comparisonTable(
  models: readonly ComparedModel[],
  steps?: ReadonlyMap<string, number>,
): { readonly header: string[]; readonly numeric: boolean[]; readonly rows: string[][] } {
  const cells = (figures: ModelFigures) => COMPARED.map(({ cell }) => cell(figures));
  const step = (text: string) => steps === undefined ? [] : [text];
  return {
    header: [...step("step"), "model", ...COMPARED.map(({ header }) => header)],
    numeric: [...step("step").map(() => true), false, ...COMPARED.map(() => true)],
    rows: models.flatMap(({ id, figures, null_control: control }) => [
      [...step(decimal(steps?.get(id))), id, ...cells(figures)],
      ...control === null ? [] : [[...step(""), "  its null control", ...cells(control)]],
    ]),
  };
}

/** The extremes of a comparison in words, of many models also their middle half: a sentence for each figure in which models differ. */
export function comparisonSentences(models: readonly ComparedModel[]): string[] {
  const said: readonly (readonly [
    what: string,
    figure: (figures: ModelFigures) => number | null,
    say: (value: number) => string,
  ])[] = [
    ["Near-kernels among deep neurons", (of) => of.near_kernel_share, percent],
    ["Edges between deep layers, over chance", (of) => of.edges_ratio, decimal],
    ["Edges between their near-kernels, over chance", (of) => of.block_edges_ratio, decimal],
    ["Overlap between their near-kernels, over chance", (of) => of.block_energy_ratio, decimal],
    ["Layers on the best chain", (of) => of.chain_layers, decimal],
  ];
  return said.flatMap(([what, figure, say]) => {
    const known = models.flatMap(({ id, figures }) => {
      const value = figure(figures);
      return value === null ? [] : [{ id, value }];
    }).sort((a, b) => a.value - b.value);
    const [low] = known;
    const high = known.at(-1);
    if (low === undefined || high === undefined) return [];
    if (low === high && models.length > 1) {
      return [`${what}: ${say(low.value)} (${low.id}); no other model has any.`];
    }
    if (low.value === high.value) return [];
    return [
      `${what}: from ${say(low.value)} (${low.id}) to ${say(high.value)} (${high.id})${middle(known, say)}.`,
    ];
  });
}

/** Of few models the table says it all. */
const LEAST_FOR_QUARTILES = 8;

/** Where the middle half of many models lies. */
function middle(known: readonly { readonly value: number }[], say: (value: number) => string): string {
  if (known.length < LEAST_FOR_QUARTILES) return "";
  const values = known.map(({ value }) => value);
  const [low, high] = [0.25, 0.75].map((share) => say(quantile(values, share)));
  return `; of ${known.length} models the middle half from ${low} to ${high}, the median ${
    say(median(values))
  }`;
}
