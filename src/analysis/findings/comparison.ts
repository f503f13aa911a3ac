/** Models side by side. */

import { median, quantile } from "../../stats/ordinary.ts";
import type { ModelFigures } from "./figures.ts";
import { decimal, percent, pText } from "./words.ts";

/** A model in a comparison. */
export interface ComparedModel {
  readonly id: string;
  readonly figures: ModelFigures;
  readonly null_controls: number;
  readonly null_control: ModelFigures | null;
  readonly null_control_spread: ModelFigures | null;
}

/** A figure that models are compared by. */
interface Compared {
  readonly header: string;
  /** @param spread the standard deviations of several null controls, whose means the figures are */
  readonly cell: (figures: ModelFigures, spread: ModelFigures | null) => string;
}

type OneFigure = (figures: ModelFigures) => number | null;

const shown =
  (figure: OneFigure, say: (value: number) => string, sayAround = (around: number) => ` ± ${say(around)}`) =>
  (figures: ModelFigures, spread: ModelFigures | null): string => {
    const value = figure(figures);
    const around = spread === null ? null : figure(spread);
    return (value === null ? "" : say(value)) +
      (around === null ? "" : sayAround(Number(around.toPrecision(2))));
  };
const lowest = shown(({ block_edges_ratio_range: range }) => range?.[0] ?? null, decimal);
const highest = shown(({ block_edges_ratio_range: range }) => range?.[1] ?? null, decimal);

const COMPARED: readonly Compared[] = [
  { header: "near-kernels, deep", cell: shown((of) => of.near_kernel_share, percent) },
  { header: "edges / chance, deep", cell: shown((of) => of.edges_ratio, decimal) },
  { header: "between near-kernels", cell: shown((of) => of.block_edges_ratio, decimal) },
  {
    header: "by connection",
    cell: (of, spread) =>
      of.block_edges_ratio_range === null ? "" : `${lowest(of, spread)} to ${highest(of, spread)}`,
  },
  { header: "overlap / chance there", cell: shown((of) => of.block_energy_ratio, decimal) },
  { header: "best chain, layers", cell: shown((of) => of.chain_layers, decimal) },
  {
    header: "its joint p",
    cell: shown((of) => of.chain_log_p, pText, (around) => ` (ln p ± ${decimal(around)})`),
  },
  { header: "ln path metric", cell: shown((of) => of.log_path_metric, decimal) },
];

/** What the columns of the comparison mean. */
export const COMPARISON_MEANING =
  "deep: layers deeper than half of the deepest, of a model that is mostly convolutions of these only; where there is no connection between two, " +
  "all connections. edges: pairs with p <= alpha. between near-kernels: the same among these, over all connections and from the smallest to the " +
  "largest; overlap there: their total overlap. Of several null controls: mean ± standard deviation, of p those of its logarithm. The queries of each number stand with the model's findings.";

/**
 * A row per model and, behind it, one of its null controls.
 *
 * @param steps of checkpoints of a series, by id
 */
export function comparisonTable(
  models: readonly ComparedModel[],
  steps?: ReadonlyMap<string, number>,
): { readonly header: string[]; readonly numeric: boolean[]; readonly rows: string[][] } {
  const cells = (figures: ModelFigures, spread: ModelFigures | null = null) =>
    COMPARED.map(({ cell }) => cell(figures, spread));
  const step = (text: string) => steps === undefined ? [] : [text];
  return {
    header: [...step("step"), "model", ...COMPARED.map(({ header }) => header)],
    numeric: [...step("step").map(() => true), false, ...COMPARED.map(() => true)],
    rows: models.flatMap((model) => {
      const { id, figures, null_controls: count, null_control: control, null_control_spread: spread } = model;
      const label = count === 1 ? "  its null control" : `  its ${count} null controls`;
      return [
        [...step(decimal(steps?.get(id))), id, ...cells(figures)],
        ...control === null ? [] : [[...step(""), label, ...cells(control, spread)]],
      ];
    }),
  };
}

/** The extremes of a comparison in words, of many models also their middle half: a sentence for each figure in which models differ. */
export function comparisonSentences(models: readonly ComparedModel[]): string[] {
  const said: readonly (readonly [
    what: string,
    figure: OneFigure,
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
