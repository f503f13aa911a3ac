/** One model: the picture, what is selected in it, and the same as tables. */

import { h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Address } from "./address.ts";
import type { OpenedModel, TableClient } from "./client.ts";
import { Controls } from "./controls.ts";
import type { EdgeColumns } from "./edges.ts";
import { EdgeTable } from "./edge-table.ts";
import { ExportButtons } from "./export-buttons.ts";
import { ModelCanvas } from "./pictures/model-canvas.ts";
import type { Change } from "./navigation.ts";
import type { PatternSource } from "./patterns/neuron-patterns-panel.ts";
import { messageOf } from "../../model/errors.ts";
import { count } from "../label.ts";
import type { IndexedModel, ViewedModel } from "./protocol.ts";
import type { ReportedEdge } from "./report.ts";
import type { NeuronAt } from "./pictures/scene.ts";
import { ConnectionList, ConnectionPanel, keyOf, LayerPanel, NeuronPanel } from "./selection-panels.ts";

/** A model and where the page stands in it. */
export interface ModelViewProps {
  readonly indexed: IndexedModel;
  readonly client: TableClient;
  readonly address: Address;
  readonly change: Change;
  /** Edges of the dominant connection, in order; null where the report has none. */
  readonly chain: readonly ReportedEdge[] | null;
  readonly source: PatternSource;
}

type Loaded = OpenedModel | { readonly failure: string } | { readonly progress: string };

/** Opens the model in the worker, then shows it. */
export function ModelView({ indexed, client, address, change, chain, source }: ModelViewProps) {
  const [loaded, setLoaded] = useState<Loaded>({ progress: "Reading the tables …" });
  useEffect(() => {
    let gone = false;
    setLoaded({ progress: "Reading the tables …" });
    const progress = (done: number, total: number) => {
      if (!gone) setLoaded({ progress: `Reading edges: ${count(done)} of ${count(total)} …` });
    };
    client.model(indexed.tables, progress).then(
      (opened) => gone || setLoaded(opened),
      (failure: unknown) => gone || setLoaded({ failure: messageOf(failure) }),
    );
    return () => {
      gone = true;
    };
  }, [indexed, client]);
  if ("failure" in loaded) return h("p", { role: "alert", class: "failure" }, loaded.failure);
  if ("progress" in loaded) return h("p", { role: "status" }, loaded.progress);
  return h(OpenModel, {
    id: indexed.id,
    model: loaded.model,
    total: loaded.edges,
    client,
    address,
    change,
    chain,
    source,
  });
}

type Selection =
  | { readonly neuron: NeuronAt }
  | { readonly connection: readonly [number, number, number] }
  | null;

function OpenModel({ id, model, total, client, address, change, chain, source }: {
  readonly id: string;
  readonly model: ViewedModel;
  readonly total: number;
} & Omit<ModelViewProps, "indexed">) {
  const {
    layer,
    neuron,
    connection,
    patterns,
    filter,
    overlap,
    certainty,
    span,
    edges: most,
    drawer,
    scale,
    colour,
  } = address;
  const [shown, setShown] = useState<{ readonly passed: number; readonly edges: EdgeColumns } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    const filter = {
      overlap,
      logP: certainty === 0 ? Infinity : -certainty * Math.LN10,
      span: span ?? Infinity,
    };
    client.strongest(filter, most).then(
      (found) => {
        if (gone) return;
        setShown(found);
        setFailure(null);
      },
      (cause: unknown) => gone || setFailure(messageOf(cause)),
    );
    return () => {
      gone = true;
    };
  }, [model, overlap, certainty, span, most]);

  const selection: Selection = connection !== null
    ? { connection }
    : layer !== null && neuron !== null
    ? { neuron: { layer, neuron } }
    : null;
  const key = JSON.stringify(selection);
  const [selected, setSelected] = useState<{ readonly key: string; readonly edges: EdgeColumns } | null>(
    null,
  );
  useEffect(() => {
    if (selection === null) return;
    let gone = false;
    const asked = "neuron" in selection
      ? client.neuron(selection.neuron.layer, selection.neuron.neuron)
      : client.connection(selection.connection);
    asked.then(
      (edges) => {
        if (gone) return;
        setSelected({ key, edges });
        setFailure(null);
      },
      (cause: unknown) => gone || setFailure(messageOf(cause)),
    );
    return () => {
      gone = true;
    };
  }, [model, key]);
  const selectedEdges = selection !== null && selected?.key === key ? selected.edges : null;

  const svg = useRef<(() => string) | null>(null);
  const select = (at: NeuronAt | null) =>
    change({ layer: at?.layer ?? null, neuron: at?.neuron ?? null, connection: null, filter: null });
  const chosen = selection !== null && "neuron" in selection && exists(model, selection.neuron)
    ? selection.neuron
    : null;
  const absent = absence(model, address);
  const picture = useMemo(() => ({
    layers: model.layers,
    edges: shown?.edges ?? null,
    selectedEdges,
    chain: chainOf(model, chain),
    selected: chosen,
  }), [model, shown, selectedEdges, chain, chosen?.layer, chosen?.neuron]);

  return h(
    "div",
    { class: "model" },
    h(
      "div",
      { class: "picture" },
      h(Controls, { address, model, change }),
      failure === null ? null : h("p", { role: "alert", class: "failure" }, failure),
      h(ModelCanvas, { picture, scale, colour, drawer, select, svg }),
      h(
        "p",
        { class: "said", role: "status", "aria-live": "polite" },
        shown === null
          ? "Choosing edges …"
          : `${count(shown.edges.overlap.length)} of ${count(shown.passed)} edges that pass are drawn, ` +
            `of ${count(total)} in the table.`,
        chosen === null ? "" : ` Selected: ${model.layers[chosen.layer]!.name}, neuron ${chosen.neuron}.`,
        picture.chain.length === 0 ? "" : " The dominant connection is the thick line.",
      ),
      h(ExportButtons, { id, layers: model.layers, edges: shown?.edges ?? null, svg }),
    ),
    h(
      "div",
      { class: "side", tabIndex: 0, role: "region", "aria-label": "Selection" },
      layer === null && connection === null
        ? h(ConnectionList, { model, change, of: model.connections })
        : h("button", { type: "button", onClick: () => select(null) }, "Let go of the selection"),
      absent === null ? null : h("p", { role: "alert" }, absent),
      connection === null ? null : h(ConnectionPanel, {
        model,
        change,
        select,
        connection,
        edges: selectedEdges,
        source,
        filter,
      }),
      chosen === null ? null : h(NeuronPanel, {
        model,
        change,
        select,
        neuron: chosen,
        edges: selectedEdges,
        source,
        patterns,
      }),
      layer === null || connection !== null ? null : h(LayerPanel, { model, change, select, layer, neuron }),
      shown === null || layer !== null || connection !== null
        ? null
        : shown.edges.overlap.length === 0
        ? h("p", null, "No edge passes: none is in the table, or the sliders leave none.")
        : h(EdgeTable, {
          title: "Strongest edges drawn",
          layers: model.layers,
          edges: shown.edges,
          order: "last",
          select,
        }),
    ),
  );
}

/** What the address names and the model does not have, as a link to an older run may; null where all is there. */
function absence(model: ViewedModel, { layer, neuron, connection }: Address): string | null {
  if (connection !== null) {
    const [source, target, part] = connection;
    return model.connections.some((row) => keyOf(row).join() === connection.join())
      ? null
      : `There is no connection from layer ${source} to layer ${target}, part ${part}, in this model.`;
  }
  if (layer === null) return null;
  if (model.layers[layer] === undefined) return `There is no layer ${layer} in this model.`;
  return neuron === null || exists(model, { layer, neuron })
    ? null
    : `There is no neuron ${neuron} in layer ${layer} of this model.`;
}

function exists({ layers }: ViewedModel, { layer, neuron }: NeuronAt): boolean {
  return neuron < (layers[layer]?.singularValues.length ?? 0);
}

/** The neurons of a chain, in order. */
function chainOf(model: ViewedModel, chain: ModelViewProps["chain"]): readonly NeuronAt[] {
  const neurons = (chain ?? []).flatMap((edge, at) => [
    ...at === 0 ? [{ layer: edge.sourceLayer, neuron: edge.sourceNeuron }] : [],
    { layer: edge.targetLayer, neuron: edge.targetNeuron },
  ]);
  return neurons.every((each) => exists(model, each)) ? neurons : [];
}
