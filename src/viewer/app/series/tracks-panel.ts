/** The tracks of a layer: neurons that are followed by their vectors, as a picture and as tables. */

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../../model/errors.ts";
import { counted } from "../../label.ts";
import type { TableClient } from "../client.ts";
import type { Change } from "../navigation.ts";
import { figure } from "../numbers.ts";
import type { Index, Row } from "../protocol.ts";
import type { Checkpoint } from "./checkpoints.ts";
import { strength, type Track, type TrackPlace, tracksIn } from "./tracks.ts";
import { TracksPicture } from "./tracks-picture.ts";

/** Tracks that are shown at first. */
const SHOWN = 24;

/** A layer of a series, the checkpoint that the page stands at, and the track that is looked at. */
export interface TracksPanelProps {
  readonly index: Index;
  readonly client: TableClient;
  readonly members: readonly Checkpoint[];
  readonly at: number;
  /** Rows of the table `layers` by model. */
  readonly layers: ReadonlyMap<string, readonly Row[]>;
  readonly name: string;
  /** Number of the track that is looked at. */
  readonly track: number | null;
  readonly change: Change;
}

type Found = ReturnType<typeof tracksIn>;

/** Reads the tracks of the layer, then shows them. */
export function TracksPanel(props: TracksPanelProps) {
  const { index, client, members, layers, name } = props;
  const [found, setFound] = useState<Found | { readonly failure: string } | null>(null);
  const placeOf = new Map(members.map(({ id }, place) => [id, place]));
  const wanted = index.comparisons.flatMap(({ base, other, tables }) => {
    const [from, to] = [placeOf.get(base), placeOf.get(other)];
    const layer = (layers.get(other) ?? []).find((row) => row["name"] === name)?.["layer_index"];
    return from === undefined || to === undefined || typeof layer !== "number" || tables.tracks.length === 0
      ? []
      : [{ base: from, other: to, files: tables.tracks, layer }];
  });
  const key = JSON.stringify(wanted);
  useEffect(() => {
    let gone = false;
    client.tracks(wanted.map(({ files, layer }) => ({ files, layer }))).then(
      (rows) => gone || setFound(tracksIn(wanted.map((each, at) => ({ ...each, rows: rows[at]! })))),
      (cause: unknown) => gone || setFound({ failure: messageOf(cause) }),
    );
    return () => {
      gone = true;
    };
  }, [client, key]);
  if (found === null) return h("p", { role: "status" }, "Reading tracks …");
  if ("failure" in found) return h("p", { role: "alert", class: "failure" }, found.failure);
  if (found.tracks.length === 0) {
    return h(
      "p",
      { class: "quiet" },
      "No tracks of this layer are in the tables; svr run --compare series follows its neurons over all steps.",
    );
  }
  return h(Tracks, { ...props, found });
}

function Tracks({ members, at, track, change, found: { tracks, omitted } }: TracksPanelProps & {
  readonly found: Found;
}) {
  const [most, setMost] = useState(SHOWN);
  const steps = members.map(({ step }) => step);
  const selected = tracks.find((each) => each.track === track);
  const strongest = tracks.slice(0, most);
  const shown = selected === undefined || strongest.includes(selected) ? strongest : [...strongest, selected];
  const open = ({ at: place, layer, neuron }: TrackPlace) =>
    change({ view: "model", model: members[place]!.id, layer, neuron, connection: null });
  return h(
    "section",
    { "aria-label": "Tracks" },
    h("h3", null, "Tracks"),
    h(
      "p",
      { class: "quiet" },
      `${shown.length} of ${
        counted(tracks.length, "track")
      }, those of the largest singular values first. A line follows a neuron ` +
        "by its vectors; a circle is where it begins, a cross where it ends. The upright line is the slider's step.",
    ),
    omitted === 0 ? null : h(
      "p",
      { role: "note" },
      `${
        counted(omitted, "row")
      } of other checkpoints or settings are left out; svr run --compare series makes tracks anew.`,
    ),
    h(TracksPicture, { tracks: shown, steps, at, selected: selected?.track ?? null, open }),
    h(TrackTable, { tracks: shown, steps, at, selected, change, open }),
    tracks.length > most
      ? h(
        "button",
        { type: "button", onClick: () => setMost(most + SHOWN) },
        `${Math.min(SHOWN, tracks.length - most)} more tracks of ${tracks.length}`,
      )
      : null,
    selected === undefined ? null : h(StepTable, { track: selected, steps, open }),
  );
}

/** Up and down go from row to row of a table, Home and End to its first and last. */
function moveInTable(event: KeyboardEvent): void {
  const from = (event.target as HTMLElement).closest("tr");
  const body = event.currentTarget as HTMLElement;
  const to = {
    ArrowDown: from?.nextElementSibling,
    ArrowUp: from?.previousElementSibling,
    Home: body.firstElementChild,
    End: body.lastElementChild,
  }[event.key];
  const button = to?.querySelector("button");
  if (button === null || button === undefined) return;
  event.preventDefault();
  button.focus();
}

function TrackTable({ tracks, steps, at, selected, change, open }: {
  readonly tracks: readonly Track[];
  readonly steps: readonly number[];
  readonly at: number;
  readonly selected: Track | undefined;
  readonly change: Change;
  readonly open: (place: TrackPlace) => void;
}) {
  return h(
    "div",
    { class: "rows" },
    h(
      "table",
      null,
      h("caption", null, "Tracks of this layer"),
      h(Heads, { names: ["track", "steps", "largest", `neuron at ${steps[at]}`] }),
      h(
        "tbody",
        { onKeyDown: moveInTable },
        tracks.map((each) => {
          const { track, places, birth, death } = each;
          const now = places.find((place) => place.at === at);
          const first = `${steps[places[0]!.at]}${birth ? ", born" : ""}`;
          const last = `${steps[places.at(-1)!.at]}${death ? ", died" : ""}`;
          return h(
            "tr",
            { key: track },
            h(
              "td",
              null,
              h("button", {
                type: "button",
                class: "link",
                "aria-pressed": each === selected,
                "aria-label": `track ${track}`,
                onClick: () => change({ track: each === selected ? null : track }),
              }, track),
            ),
            h("td", null, `${first} – ${last}`),
            h("td", { class: "number" }, figure(strength(each))),
            h(
              "td",
              { class: "number" },
              now === undefined ? "–" : h(NeuronButton, { place: now, steps, open }),
            ),
          );
        }),
      ),
    ),
  );
}

/** One track, step by step. */
function StepTable({ track: { track, places }, steps, open }: {
  readonly track: Track;
  readonly steps: readonly number[];
  readonly open: (place: TrackPlace) => void;
}) {
  return h(
    "div",
    { class: "rows" },
    h(
      "table",
      null,
      h("caption", null, `Track ${track}, step by step`),
      h(Heads, { names: ["step", "neuron", "singular value", "similarity"] }),
      h(
        "tbody",
        { onKeyDown: moveInTable },
        places.map((place) =>
          h(
            "tr",
            { key: place.at },
            h("td", { class: "number" }, steps[place.at]),
            h("td", null, h(NeuronButton, { place, steps, open })),
            h("td", { class: "number" }, figure(place.singularValue)),
            h("td", { class: "number" }, figure(place.similarity)),
          )
        ),
      ),
    ),
  );
}

function Heads({ names }: { readonly names: readonly string[] }) {
  return h("thead", null, h("tr", null, names.map((name) => h("th", { key: name, scope: "col" }, name))));
}

function NeuronButton({ place, steps, open }: {
  readonly place: TrackPlace;
  readonly steps: readonly number[];
  readonly open: (place: TrackPlace) => void;
}) {
  return h("button", {
    type: "button",
    class: "link",
    "aria-label": `neuron ${place.neuron} at step ${steps[place.at]}`,
    onClick: () => open(place),
  }, place.neuron);
}
