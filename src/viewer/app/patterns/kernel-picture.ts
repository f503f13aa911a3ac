/** A kernel as squares: orange where it is positive, blue where it is negative, the stronger the darker. */

import { h } from "preact";

/** Pixels of the longer side. */
const SIDE = 64;

/** Rows and columns of numbers. */
export interface KernelPictureProps {
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly values: readonly number[];
  /** The magnitude that is darkest. */
  readonly most: number;
  readonly label: string;
  readonly side?: number;
}

/** One kernel. */
export function KernelPicture({ rows, columns, values, most, label, side = SIDE }: KernelPictureProps) {
  return h(
    "svg",
    {
      ...frame(rows, columns, side),
      "aria-label": `${label}: ${values.map((value) => value.toPrecision(2)).join(" ")}`,
    },
    values.map((value, at) =>
      h("rect", {
        key: at,
        ...square(at, columns),
        class: value < 0 ? "negative" : "positive",
        "fill-opacity": most > 0 ? (Math.abs(value) / most).toFixed(3) : 0,
      })
    ),
  );
}

/** Three channels as red, green and blue: grey is 0, the magnitude `most` black or full. */
export function ColourPicture({ rows, columns, values, most, label, side = 2 * SIDE }: KernelPictureProps) {
  const positions = rows * columns;
  const level = (value: number) => Math.round(128 + (most > 0 ? 127 * value / most : 0));
  return h(
    "svg",
    { ...frame(rows, columns, side), "aria-label": label },
    Array.from({ length: positions }, (_, at) => {
      const [red, green, blue] = [0, 1, 2].map((channel) => level(values[channel * positions + at]!));
      return h("rect", { key: at, ...square(at, columns), fill: `rgb(${red},${green},${blue})` });
    }),
  );
}

const frame = (rows: number, columns: number, side: number) => {
  const pixel = side / Math.max(rows, columns);
  // A kernel along time is a line: a few pixels are needed to see it.
  const [width, height] = [Math.max(columns * pixel, 8), Math.max(rows * pixel, 8)];
  return {
    class: "kernel",
    viewBox: `0 0 ${columns} ${rows}`,
    width,
    height,
    preserveAspectRatio: "none",
    role: "img",
  };
};

const square = (at: number, columns: number) => ({
  x: at % columns,
  y: Math.floor(at / columns),
  width: 1,
  height: 1,
});
