/** What the canvas is drawn with, written down as SVG. */

import { RgbReader } from "./rgb.ts";

/** The part of a canvas that pictures use. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "globalAlpha"
  | "font"
  | "fillRect"
  | "beginPath"
  | "moveTo"
  | "lineTo"
  | "arc"
  | "stroke"
  | "save"
  | "restore"
  | "translate"
  | "rotate"
  | "fillText"
>;

const SVG = "http://www.w3.org/2000/svg";

/** Characters that XML cannot hold. */
const NO_XML = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu;

/** A pen that makes elements; a path or a text each. */
export class SvgPen implements Pen {
  fillStyle: Pen["fillStyle"] = "#000";
  strokeStyle: Pen["strokeStyle"] = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  font = "";
  readonly #root: SVGSVGElement;
  readonly #colours = new RgbReader();
  #path: string[] = [];
  #transform: string[] = [];
  readonly #saved: string[][] = [];

  /** @param width, height in pixels */
  constructor(width: number, height: number) {
    this.#root = document.createElementNS(SVG, "svg");
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      this.#root.setAttribute(name, String(value));
    }
  }

  /** The picture as the text of a file. */
  text(): string {
    return new XMLSerializer().serializeToString(this.#root);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#add("rect", {
      x: short(x),
      y: short(y),
      width: short(width),
      height: short(height),
      fill: this.#rgb(this.fillStyle),
    });
  }

  beginPath(): void {
    this.#path = [];
  }

  moveTo(x: number, y: number): void {
    this.#path.push(`M${short(x)},${short(y)}`);
  }

  lineTo(x: number, y: number): void {
    this.#path.push(`L${short(x)},${short(y)}`);
  }

  /** A whole circle, which is all that pictures draw. */
  arc(x: number, y: number, radius: number): void {
    const [left, right] = [short(x - radius), short(x + radius)];
    this.#path.push(
      `M${left},${short(y)}A${radius},${radius} 0 1 1 ${right},${
        short(y)
      }A${radius},${radius} 0 1 1 ${left},${short(y)}`,
    );
  }

  stroke(): void {
    if (this.#path.length === 0) return;
    this.#add("path", {
      d: this.#path.join(""),
      fill: "none",
      stroke: this.#rgb(this.strokeStyle),
      "stroke-width": short(this.lineWidth),
    });
  }

  save(): void {
    this.#saved.push(this.#transform);
    this.#transform = [...this.#transform];
  }

  restore(): void {
    this.#transform = this.#saved.pop() ?? [];
  }

  translate(x: number, y: number): void {
    this.#transform.push(`translate(${short(x)},${short(y)})`);
  }

  rotate(angle: number): void {
    this.#transform.push(`rotate(${short(angle * 180 / Math.PI)})`);
  }

  fillText(text: string, x: number, y: number): void {
    const size = /[\d.]+px/.exec(this.font)?.[0] ?? "11px";
    const place = { x: short(x), y: short(y), fill: this.#rgb(this.fillStyle), "font-size": size };
    this.#add("text", { ...place, "font-family": "sans-serif" }).textContent = text.toWellFormed().replace(
      NO_XML,
      "\ufffd",
    );
  }

  #add(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (this.globalAlpha < 1) element.setAttribute("opacity", short(this.globalAlpha));
    if (this.#transform.length > 0) element.setAttribute("transform", this.#transform.join(" "));
    this.#root.append(element);
    return element;
  }

  /** As three numbers: programs that draw SVG know no mixtures of colours. */
  #rgb(style: Pen["fillStyle"]): string {
    return `rgb(${this.#colours.rgb(String(style)).join(",")})`;
  }
}

const short = (value: number) => String(Math.round(100 * value) / 100);
