/** One layer over the steps of a series, and how it came from the step before. */

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../../model/errors.ts";
import { type LayerPair, layerPairs } from "../compare/comparison.ts";
import { PairPicture } from "../compare/pair-picture.ts";
import { figure } from "../numbers.ts";
import { TracksPanel, type TracksPanelProps } from "./tracks-panel.ts";

/** Columns of the table `layers` that are followed. */
const FOLLOWED = [
  ["spectral_norm", "largest singular value"],
  ["frobenius_norm", "norm"],
  ["stable_rank", "stable rank"],
  ["near_kernels", "near-kernels"],
] as const;

const WIDTH = 340;
const HEIGHT = 60;

/** Curves over all steps with a mark at the present one; tracks of neurons; neurons of two consecutive steps joined, where these were compared. */
export function SeriesLayerPanel(props: TracksPanelProps) {
  const { index, client, members, at, layers, name, change } = props;
  const rows = members.map(({ id }) => (layers.get(id) ?? []).find((row) => row["name"] === name));
  return h(
    "section",
    { "aria-label": "Layer" },
    h("h2", null, name),
    FOLLOWED.map(([column, title]) =>
      h(StepCurve, {
        key: column,
        title,
        steps: members.map(({ step }) => step),
        values: rows.map((row) => typeof row?.[column] === "number" ? row[column] : null),
        at,
        choose: (step: number) => change({ step }),
      })
    ),
    h(TracksPanel, { key: `${members[0]!.id} ${name}`, ...props }),
    h(StepBefore, { index, client, members, at, name, change }),
  );
}

function StepCurve({ title, steps, values, at, choose }: {
  readonly title: string;
  readonly steps: readonly number[];
  /** Null where a checkpoint has no such layer. */
  readonly values: readonly (number | null)[];
  readonly at: number;
  readonly choose: (step: number) => void;
}) {
  const most = values.reduce<number>((largest, value) => Math.max(largest, value ?? 0), 0);
  const x = (step: number) => steps.length === 1 ? 0 : step / (steps.length - 1) * WIDTH;
  const y = (value: number) => HEIGHT - (most > 0 ? value / most : 0) * HEIGHT;
  const points = values.flatMap((value, step) =>
    value === null ? [] : [`${x(step).toFixed(1)},${y(value).toFixed(1)}`]
  );
  const now = values[at] ?? null;
  return h(
    "figure",
    { class: "pattern" },
    h("figcaption", null, `${title}: ${figure(now)} at step ${steps[at]}`),
    h(
      "svg",
      {
        class: "chart",
        viewBox: `-6 -6 ${WIDTH + 12} ${HEIGHT + 12}`,
        role: "img",
        "aria-label": `${title} over steps: ${
          values.slice(0, 100).map((value, step) => `${steps[step]}: ${figure(value)}`).join(", ")
        }`,
        onClick: (event: MouseEvent) => {
          const box = (event.currentTarget as SVGElement).getBoundingClientRect();
          choose(
            Math.max(
              0,
              Math.min(
                steps.length - 1,
                Math.round((event.clientX - box.left) / box.width * (steps.length - 1)),
              ),
            ),
          );
        },
      },
      h("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
      h("polyline", { class: "curve", points: points.join(" ") }),
      now === null ? null : h("circle", { class: "chosen", cx: x(at), cy: y(now), r: 4.5 }),
    ),
  );
}

type Found = { readonly key: string; readonly pair: LayerPair | null } | { readonly failure: string } | null;

function StepBefore(
  { index, client, members, at, name, change }: Omit<TracksPanelProps, "layers" | "track">,
) {
  const [before, now] = [members[at - 1], members[at]!];
  const comparison = index.comparisons.find(({ base, other }) => base === before?.id && other === now.id);
  const key = JSON.stringify([now.id, name]);
  const [found, setFound] = useState<Found>(null);
  useEffect(() => {
    if (comparison === undefined || before === undefined) return;
    let gone = false;
    client.comparison(comparison, before, now).then(
      (each) =>
        gone || setFound({ key, pair: layerPairs(each).find(({ otherName }) => otherName === name) ?? null }),
      (cause: unknown) => gone || setFound({ failure: messageOf(cause) }),
    );
    return () => {
      gone = true;
    };
  }, [client, comparison, key]);
  if (before === undefined) return null;
  if (comparison === undefined) {
    return h(
      "p",
      { class: "quiet" },
      `Steps ${before.step} and ${now.step} were not compared; svr run --compare series does that, and joins their neurons here.`,
    );
  }
  if (found === null) return h("p", { role: "status" }, "Reading the comparison …");
  if ("failure" in found) return h("p", { role: "alert", class: "failure" }, found.failure);
  if (found.key !== key) return h("p", { role: "status" }, "Reading the comparison …");
  const { pair } = found;
  if (pair === null) return h("p", { class: "quiet" }, `At step ${before.step} no layer corresponds to it.`);
  return h(
    "figure",
    { class: "pattern" },
    h(
      "figcaption",
      null,
      `From step ${before.step}, on the left, to step ${now.step}: `,
      h(
        "button",
        {
          type: "button",
          class: "link",
          onClick: () =>
            change({ view: "compare", base: before.id, model: now.id, pair: [pair.base, pair.other] }),
        },
        "the whole comparison",
      ),
    ),
    h(PairPicture, { pair, width: WIDTH, height: 260, most: 200 }),
  );
}
