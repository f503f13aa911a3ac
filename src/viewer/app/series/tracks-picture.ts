/** Singular values of tracks over the steps of a series. */

import { h } from "preact";
import { figure } from "../numbers.ts";
import { strength, type Track, type TrackPlace } from "./tracks.ts";

const WIDTH = 340;
const HEIGHT = 220;
/** Arm of the cross of a death. */
const ARM = 3.5;

/** Tracks, and who hears of a click on one of their places. */
export interface TracksPictureProps {
  readonly tracks: readonly Track[];
  readonly steps: readonly number[];
  /** The place of the present step. */
  readonly at: number;
  readonly selected: number | null;
  readonly open: (place: TrackPlace) => void;
}

/** A line a track, the strongest and the selected one on top; a circle is a birth, a cross a death. */
export function TracksPicture({ tracks, steps, at, selected, open }: TracksPictureProps) {
  const most = tracks.reduce((largest, track) => Math.max(largest, strength(track)), 0);
  const x = (step: number) => steps.length === 1 ? 0 : step / (steps.length - 1) * WIDTH;
  const y = (value: number) => HEIGHT - (most > 0 ? value / most : 0) * HEIGHT;
  const rank = ({ track }: Track) => Number(track === selected);
  const drawn = [...tracks].reverse().sort((a, b) => rank(a) - rank(b));
  return h(
    "svg",
    {
      class: "chart tracks",
      viewBox: `-8 -8 ${WIDTH + 16} ${HEIGHT + 16}`,
      role: "img",
      "aria-label":
        `${tracks.length} tracks over ${steps.length} steps: singular values from 0 to ${figure(most)}; ` +
        "the table below has them",
    },
    h("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    h("line", { class: "now", x1: x(at), x2: x(at), y1: 0, y2: HEIGHT }),
    drawn.map((track) => {
      const [first, last] = [track.places[0]!, track.places.at(-1)!];
      const [endX, endY] = [x(last.at), y(last.singularValue)];
      return h(
        "g",
        { key: track.track, class: track.track === selected ? "track selected" : "track" },
        h("polyline", {
          points: track.places.map((place) =>
            `${x(place.at).toFixed(1)},${y(place.singularValue).toFixed(1)}`
          )
            .join(" "),
        }),
        track.birth
          ? h("circle", { class: "birth", cx: x(first.at), cy: y(first.singularValue), r: 3 })
          : null,
        track.death
          ? h("path", {
            class: "death",
            d: `M${endX - ARM},${endY - ARM}l${2 * ARM},${2 * ARM}m0,${-2 * ARM}l${-2 * ARM},${2 * ARM}`,
          })
          : null,
        track.places.map((place) =>
          h(
            "circle",
            {
              key: place.at,
              class: "hit",
              cx: x(place.at),
              cy: y(place.singularValue),
              r: 5,
              onClick: () => open(place),
            },
            h(
              "title",
              null,
              `track ${track.track} at step ${steps[place.at]}: neuron ${place.neuron}, ${
                figure(place.singularValue)
              }`,
            ),
          )
        ),
      );
    }),
  );
}
