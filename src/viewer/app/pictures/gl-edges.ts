/** Edges by WebGL2: a rectangle each, without antialiasing; classes of strength as on the canvas. */

import { messageOf } from "../../../model/errors.ts";
import { CLASSES, type Picture, strokeOf } from "./drawing.ts";
import { RgbReader } from "./rgb.ts";
import type { Projection } from "./scene.ts";
import type { Size } from "./size.ts";
import type { Theme } from "./theme.ts";

const VERTEX = `#version 300 es
in vec4 ends;
uniform vec4 view;
uniform vec2 size;
uniform float width;
void main() {
  vec2 from = view.xy + ends.xy * view.zw;
  vec2 to = view.xy + ends.zw * view.zw;
  vec2 along = to - from;
  float far = length(along);
  vec2 across = far > 0.0 ? vec2(-along.y, along.x) / far : vec2(1.0, 0.0);
  vec2 at = ((gl_VertexID & 1) == 0 ? from : to) + across * width * (gl_VertexID < 2 ? -0.5 : 0.5);
  gl_Position = vec4(at / size * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 colour;
out vec4 painted;
void main() {
  painted = colour;
}`;

/** Bytes of the two ends of an edge: four float32. */
const BYTES = 16;

/** Names of programs that draw without a graphics card. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** What was made on the graphics card; gone when the context is lost. */
interface OnCard {
  readonly uniforms: Readonly<
    Record<"view" | "size" | "width" | "colour", WebGLUniformLocation | null>
  >;
  readonly buffer: WebGLBuffer;
}

/** Draws edges on a canvas of its own, which is then painted into the picture. */
export class GlEdges {
  readonly canvas: HTMLCanvasElement;
  /** What draws, as the browser names it. */
  readonly name: string;
  readonly #gl: WebGL2RenderingContext;
  readonly #colours = new RgbReader();
  readonly #first = new Uint32Array(CLASSES + 1);
  #onCard: OnCard;
  #loaded: Pick<Picture, "edges" | "scene" | "classes"> | null = null;
  #lost = false;

  private constructor(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, changed: () => void) {
    [this.canvas, this.#gl] = [canvas, gl];
    this.name = nameOf(gl);
    this.#onCard = prepared(gl);
    canvas.addEventListener("webglcontextlost", (event) => {
      // Else the browser does not give it back.
      event.preventDefault();
      this.#lost = true;
      changed();
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.#onCard = prepared(gl);
      this.#loaded = null;
      this.#lost = false;
      changed();
    });
  }

  /**
   * What draws by WebGL2, or why nothing does.
   *
   * @param changed hears when the context is lost and when it is back
   */
  static open(changed: () => void): GlEdges | string {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", {
      antialias: false,
      depth: false,
      powerPreference: "high-performance",
    });
    if (gl === null) return "this browser has no WebGL2 here";
    try {
      return new GlEdges(canvas, gl, changed);
    } catch (failure) {
      return messageOf(failure);
    }
  }

  /** Whether it draws without a graphics card: slower than the canvas. */
  get isSoftware(): boolean {
    return SOFTWARE.test(this.name);
  }

  /** Whether the graphics card has let go of it, for now. */
  get isLost(): boolean {
    return this.#lost || this.#gl.isContextLost();
  }

  /** Draws, the weakest class first; where edges of a class cross, the place is darker, as on the canvas. */
  draw(picture: Picture, projection: Projection, { width, height, ratio }: Size, theme: Theme): void {
    const gl = this.#gl;
    const { canvas } = this;
    const [across, up] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== up) [canvas.width, canvas.height] = [across, up];
    this.#load(picture);
    gl.viewport(0, 0, across, up);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { uniforms } = this.#onCard;
    const [left, top] = [projection.x(0), projection.y(0)];
    gl.uniform4f(uniforms.view, left, top, projection.x(1) - left, projection.y(1) - top);
    gl.uniform2f(uniforms.size, width, height);
    for (let each = 0; each < CLASSES; each++) {
      const edges = this.#first[each + 1]! - this.#first[each]!;
      if (edges === 0) continue;
      const { style, alpha, width: wide } = strokeOf(each, theme);
      const pixels = wide * ratio;
      // A pixel is the least that is drawn: what is thinner is paler.
      const opacity = alpha * Math.min(1, pixels);
      const [red, green, blue] = this.#colours.rgb(style).map((level) => level / 255 * opacity);
      gl.uniform4f(uniforms.colour, red!, green!, blue!, opacity);
      gl.uniform1f(uniforms.width, Math.max(1, pixels) / ratio);
      gl.vertexAttribPointer(0, 4, gl.FLOAT, false, BYTES, BYTES * this.#first[each]!);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, edges);
    }
  }

  /** Hands the ends of edges over, class by class, where they are not there yet. */
  #load({ edges, scene, classes }: Picture): void {
    const known = this.#loaded;
    if (known?.edges === edges && known.scene === scene && known.classes === classes) return;
    const counts = new Uint32Array(CLASSES);
    for (const each of classes) counts[each]!++;
    for (let each = 0; each < CLASSES; each++) this.#first[each + 1] = this.#first[each]! + counts[each]!;
    const next = this.#first.slice(0, CLASSES);
    const ends = new Float32Array(4 * classes.length);
    if (edges !== null) {
      for (let row = 0; row < classes.length; row++) {
        const source = scene.first[edges.sourceLayer[row]!]! + edges.sourceNeuron[row]!;
        const target = scene.first[edges.targetLayer[row]!]! + edges.targetNeuron[row]!;
        const at = 4 * next[classes[row]!]!++;
        ends[at] = scene.x[source]!;
        ends[at + 1] = scene.y[source]!;
        ends[at + 2] = scene.x[target]!;
        ends[at + 3] = scene.y[target]!;
      }
    }
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, ends, this.#gl.STATIC_DRAW);
    this.#loaded = { edges, scene, classes };
  }
}

function nameOf(gl: WebGL2RenderingContext): string {
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(told === null ? gl.RENDERER : told.UNMASKED_RENDERER_WEBGL));
}

/** @throws {Error} when the card takes no program; says what its driver says */
function prepared(gl: WebGL2RenderingContext): OnCard {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "ends");
  gl.linkProgram(program);
  if (gl.getProgramParameter(program, gl.LINK_STATUS) !== true) {
    throw new Error(`WebGL2 takes no program: ${gl.getProgramInfoLog(program) ?? "the context is lost"}`);
  }
  gl.useProgram(program);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribDivisor(0, 1);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const at = (name: string) => gl.getUniformLocation(program, name);
  return {
    uniforms: {
      view: at("view"),
      size: at("size"),
      width: at("width"),
      colour: at("colour"),
    },
    buffer,
  };
}
