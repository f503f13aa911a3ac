/** The checkpoints of a series: a slider over steps, the spectra of all layers, one layer over all steps. */

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../../model/errors.ts";
import type { Address } from "../address.ts";
import type { TableClient } from "../client.ts";
import type { Change } from "../navigation.ts";
import type { Index, Row, Spectra } from "../protocol.ts";
import { type Checkpoint, seriesIn } from "./checkpoints.ts";
import { SeriesLayerPanel } from "./series-layer-panel.ts";
import { SpectrumPanel } from "./spectrum-panel.ts";

/** Panels that are drawn at first. */
const PANELS = 24;

/** What there is, and where the page stands. */
export interface SeriesViewProps {
  readonly index: Index;
  readonly client: TableClient;
  readonly address: Address;
  readonly change: Change;
}

/** Spectra of a checkpoint beside those of the first. */
interface Seen {
  readonly step: string;
  readonly first: Spectra;
  readonly now: Spectra;
}

/** Follows a series: the slider and the arrow keys go from checkpoint to checkpoint. */
export function SeriesView({ index, client, address, change }: SeriesViewProps) {
  const all = seriesIn(index.models);
  const names = [...all.keys()];
  const name = address.series !== null && all.has(address.series) ? address.series : names[0];
  const members: readonly Checkpoint[] = name === undefined ? [] : all.get(name)!;
  const at = Math.min(address.step, Math.max(0, members.length - 1));
  const [first, now] = [members[0], members[at]];
  const [layers, setLayers] = useState<ReadonlyMap<string, readonly Row[]>>(new Map());
  const [seen, setSeen] = useState<Seen | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    const fail = (cause: unknown) => gone || setFailure(messageOf(cause));
    client.rows(members.map(({ tables }) => tables.layers)).then(
      (rows) => gone || setLayers(new Map(members.map(({ id }, each) => [id, rows[each]!]))),
      fail,
    );
    return () => {
      gone = true;
    };
  }, [client, name]);
  useEffect(() => {
    if (first === undefined || now === undefined) return;
    let gone = false;
    Promise.all([client.spectra(first), client.spectra(now)]).then(
      ([before, after]) => gone || setSeen({ step: now.id, first: before, now: after }),
      (cause: unknown) => gone || setFailure(messageOf(cause)),
    );
    return () => {
      gone = true;
    };
  }, [client, first?.id, now?.id]);
  const [most, setMost] = useState(PANELS);
  if (first === undefined || now === undefined || name === undefined) {
    return h("p", { class: "page" }, "No two models of this run are checkpoints of one series.");
  }
  const rows = layers.get(now.id) ?? [];
  const nameOf = (id: string, layer: string) =>
    (layers.get(id) ?? []).find((row) => row["name"] === layer)?.["layer_index"];
  const drawn = rows.filter((row) => row["rank"] !== null);
  const selected = rows.find((row) => row["layer_index"] === address.layer);
  return h(
    "div",
    { class: "model" },
    h(
      "div",
      { class: "picture scrolled", tabIndex: 0, role: "region", "aria-label": "Series" },
      h(
        "form",
        { class: "controls", onSubmit: (event: Event) => event.preventDefault() },
        h(
          "label",
          null,
          "series",
          h(
            "select",
            {
              name: "series",
              value: name,
              onChange: (event: Event) =>
                change({
                  series: (event.currentTarget as HTMLSelectElement).value,
                  step: 0,
                  layer: null,
                  track: null,
                }),
            },
            names.map((each) => h("option", { key: each, value: each }, each)),
          ),
        ),
        h(
          "label",
          null,
          `step ${now.step}, checkpoint ${at + 1} of ${members.length}`,
          h("input", {
            type: "range",
            name: "step",
            min: 0,
            max: members.length - 1,
            step: 1,
            value: at,
            "aria-valuetext": `step ${now.step}`,
            onInput: (event: Event) =>
              change({ step: Number((event.currentTarget as HTMLInputElement).value) }, "replace"),
          }),
        ),
      ),
      failure === null ? null : h("p", { role: "alert", class: "failure" }, failure),
      h(
        "p",
        { class: "said", role: "status", "aria-live": "polite" },
        seen?.step === now.id && rows.length > 0
          ? `Spectra at step ${now.step}; the pale curve is step ${first.step}. Each goes from neuron 0 to the last, from 0 to the larger of both.`
          : "Reading spectra …",
      ),
      h(
        "div",
        { class: "panels" },
        seen?.step !== now.id ? null : drawn.slice(0, most).map((row) => {
          const layer = String(row["name"]);
          return h(SpectrumPanel, {
            key: layer,
            name: layer,
            pressed: row === selected,
            now: seen.now[Number(row["layer_index"])] ?? new Float64Array(),
            first: seen.first[Number(nameOf(first.id, layer) ?? -1)] ?? new Float64Array(),
            choose: () => change({ layer: Number(row["layer_index"]), track: null }),
          });
        }),
      ),
      drawn.length > most
        ? h(
          "button",
          { type: "button", onClick: () => setMost(most + PANELS) },
          `${Math.min(PANELS, drawn.length - most)} more of ${drawn.length}`,
        )
        : null,
    ),
    h(
      "div",
      { class: "side", tabIndex: 0, role: "region", "aria-label": "Selection" },
      h(
        "p",
        null,
        h(
          "button",
          {
            type: "button",
            class: "link",
            onClick: () => change({ view: "model", model: now.id, neuron: null, connection: null }),
          },
          now.id,
        ),
      ),
      selected === undefined
        ? h("p", { class: "quiet" }, "Choose a layer to follow it over all steps.")
        : h(SeriesLayerPanel, {
          index,
          client,
          members,
          at,
          layers,
          name: String(selected["name"]),
          track: address.track,
          change,
        }),
    ),
  );
}
