/** Colours of the style sheet as numbers: what draws without the page knows no names and no mixtures. */

/** Red, green and blue, each from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Reads colours; each once. */
export class RgbReader {
  readonly #known = new Map<string, Rgb>();
  readonly #paint: CanvasRenderingContext2D | null;

  constructor() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1, 1];
    this.#paint = canvas.getContext("2d", { willReadFrequently: true });
  }

  /** A colour as the page paints it; black where the browser has no canvas. */
  rgb(style: string): Rgb {
    const said = style.trim();
    const known = this.#known.get(said);
    if (known !== undefined) return known;
    if (this.#paint === null) return [0, 0, 0];
    this.#paint.fillStyle = said;
    this.#paint.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = this.#paint.getImageData(0, 0, 1, 1).data;
    const colour: Rgb = [red, green, blue];
    this.#known.set(said, colour);
    return colour;
  }
}
