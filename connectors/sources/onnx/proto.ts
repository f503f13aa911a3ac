/** What an ONNX file says: the messages of `onnx.proto`, without the weights. */

import type { WireScanner } from "./wire.ts";
import { type OnnxTensor, scanTensor } from "./tensor.ts";

/** An extent: a number, a name that stands for one, or not known. */
export type Extent = number | string | null;

/** An attribute of a node; what is absent has its zero. */
export interface OnnxAttribute {
  readonly i: number;
  readonly ints: readonly number[];
  readonly s: string;
  readonly f: number;
  readonly tensor?: OnnxTensor;
  readonly graph?: OnnxGraph;
  /** The attribute of the function around it whose value this one has. */
  readonly refers?: string;
}

/** One operator. Inputs that are left out are `""`. */
export interface OnnxNode {
  /** `""` where the file gives it none. */
  readonly name: string;
  readonly op: string;
  /** The operator as the file has it, where it is read as another. */
  readonly writtenAs?: string;
  readonly domain: string;
  /** Which of several functions of that name is meant; `""` for most. */
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A graph, or the body of a control flow operator. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  /** In order, with their shapes where they are known. */
  readonly inputs: ReadonlyMap<string, readonly Extent[] | null>;
  readonly outputs: readonly string[];
  /** Shapes of values that the exporter knew. */
  readonly shapes: ReadonlyMap<string, readonly Extent[]>;
}

/** A function local to a model: nodes that a node elsewhere stands for. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  /** Values of attributes that a call leaves out. */
  readonly defaults: ReadonlyMap<string, OnnxAttribute>;
}

/** A whole file. */
export interface OnnxFile {
  readonly graph: OnnxGraph;
  readonly opset: number;
  /** Functions local to the model. */
  readonly functions: readonly OnnxFunction[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bodies within bodies: exporters write three or four; recursion beyond this is an attack on the stack. */
const DEEPEST = 16;

/** More than any operator has extents, axes or splits. */
const MOST_INTEGERS = 65_536;

/** No framework makes tensors of more axes. */
const MOST_AXES = 64;

/**
 * Scans a file.
 *
 * @throws {SyntaxError} when it is not ONNX, or damaged; names the place
 */
export async function scanFile(scanner: WireScanner, size: number): Promise<OnnxFile> {
  let graph: OnnxGraph | undefined;
  let opset = 0;
  const metadata = new Map<string, string>();
  const functions: OnnxFunction[] = [];
  await scanner.fields(0, size, "model", async (field) => {
    if (field.number === 7 && field.wire === 2) {
      if (graph !== undefined) throw scanner.error("model", field.tag, "a second graph", "one");
      graph = await scanGraph(scanner, field.start, field.end, "graph", 0);
    } else if (field.number === 25 && field.wire === 2) {
      functions.push(
        await scanFunction(scanner, field.start, field.end, `model, function ${functions.length}`),
      );
    } else if (field.number === 2 && field.wire === 2) {
      metadata.set("producer", await scanner.text(field, "producer name"));
    } else if (field.number === 14 && field.wire === 2) {
      const [key, value] = await scanner.pair(field, "metadata");
      metadata.set(key, value);
    } else if (field.number === 8 && field.wire === 2) {
      let domain = "";
      let version = 0;
      await scanner.fields(field.start, field.end, "opset", async (each) => {
        if (each.number === 1) domain = await scanner.text(each, "opset domain");
        else if (each.number === 2) version = each.value;
      });
      if (domain === "" || domain === "ai.onnx") opset = version;
    }
  });
  if (graph === undefined) {
    throw scanner.error("model", 0, "no graph", "an ONNX model (field 7; is this an ONNX file?)");
  }
  return { graph, opset, functions, metadata };
}

async function scanFunction(
  scanner: WireScanner,
  start: number,
  end: number,
  place: string,
): Promise<OnnxFunction> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const nodes: OnnxNode[] = [];
  const defaults = new Map<string, OnnxAttribute>();
  let [name, domain, overload] = ["", "", ""];
  await scanner.fields(start, end, place, async (field) => {
    if (field.wire !== 2) return;
    const { number } = field;
    if (number === 7) {
      nodes.push(await scanNode(scanner, field.start, field.end, `${place}, node ${nodes.length}`, 0));
    } else if (number === 11) {
      const [key, attribute] = await scanAttribute(scanner, field.start, field.end, place, 0);
      defaults.set(key, attribute);
    } else if (number === 1) name = await scanner.text(field, place);
    else if (number === 4) inputs.push(await scanner.text(field, place));
    else if (number === 5) outputs.push(await scanner.text(field, place));
    else if (number === 10) domain = await scanner.text(field, place);
    else if (number === 13) overload = await scanner.text(field, place);
  });
  return { name, domain: domain === "ai.onnx" ? "" : domain, overload, inputs, outputs, nodes, defaults };
}

async function scanGraph(
  scanner: WireScanner,
  start: number,
  end: number,
  place: string,
  depth: number,
): Promise<OnnxGraph> {
  if (depth > DEEPEST) throw scanner.error(place, start, `graphs ${depth} deep`, `at most ${DEEPEST}`);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs = new Map<string, readonly Extent[] | null>();
  const outputs: string[] = [];
  const shapes = new Map<string, readonly Extent[]>();
  await scanner.fields(start, end, place, async (field) => {
    if (field.wire !== 2) return;
    const { number } = field;
    if (number === 1) {
      nodes.push(
        await scanNode(scanner, field.start, field.end, `${place}, node ${nodes.length}`, depth),
      );
    } else if (number === 5) {
      const where = `${place}, initializer ${initializers.length}`;
      initializers.push(await scanTensor(scanner, field.start, field.end, where));
    } else if (number === 11 || number === 12 || number === 13) {
      const [name, shape] = await scanValue(scanner, field.start, field.end, place);
      if (number === 11) inputs.set(name, shape);
      else if (number === 12) outputs.push(name);
      if (number !== 11 && shape !== null) shapes.set(name, shape);
    } else if (number === 15) {
      throw scanner.error(place, field.tag, "a sparse initializer", "dense ones (convert the model first)");
    }
  });
  return { nodes, initializers, inputs, outputs, shapes };
}

async function scanNode(
  scanner: WireScanner,
  start: number,
  end: number,
  place: string,
  depth: number,
): Promise<OnnxNode> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  let [name, op, domain, overload] = ["", "", "", ""];
  await scanner.fields(start, end, place, async (field) => {
    if (field.wire !== 2) return;
    switch (field.number) {
      case 1:
        inputs.push(await scanner.text(field, place));
        return;
      case 2:
        outputs.push(await scanner.text(field, place));
        return;
      case 3:
        name = await scanner.text(field, place);
        return;
      case 4:
        op = await scanner.text(field, place);
        return;
      case 5: {
        const [key, attribute] = await scanAttribute(scanner, field.start, field.end, place, depth);
        attributes.set(key, attribute);
        return;
      }
      case 7:
        domain = await scanner.text(field, place);
        return;
      case 8:
        overload = await scanner.text(field, place);
    }
  });
  return { name, op, domain: domain === "ai.onnx" ? "" : domain, overload, inputs, outputs, attributes };
}

async function scanAttribute(
  scanner: WireScanner,
  start: number,
  end: number,
  node: string,
  depth: number,
): Promise<readonly [string, OnnxAttribute]> {
  const place = `${node}, attribute`;
  const ints: number[] = [];
  let [name, refers, s, i, f] = ["", "", "", 0, 0];
  let tensor: OnnxTensor | undefined;
  let graph: OnnxGraph | undefined;
  await scanner.fields(start, end, place, async (field) => {
    const { number, wire } = field;
    if (number === 1 && wire === 2) name = await scanner.text(field, place);
    else if (number === 21 && wire === 2) refers = await scanner.text(field, place);
    else if (number === 2 && wire === 5) f = await scanFloat(scanner, field.start);
    else if (number === 3 && wire === 0) i = field.value;
    else if (number === 4 && wire === 2) {
      // A byte string need not be text; those that matter here are.
      const bytes = await scanner.bytes(field, place, 2 ** 20);
      s = new TextDecoder("utf-8").decode(bytes);
    } else if (number === 5 && wire === 2) {
      tensor = await scanTensor(scanner, field.start, field.end, place);
    } else if (number === 6 && wire === 2) {
      graph = await scanGraph(scanner, field.start, field.end, place, depth + 1);
    } else if (number === 8 && (wire === 0 || wire === 2)) {
      ints.push(...await scanner.integers(field, place, MOST_INTEGERS));
      if (ints.length > MOST_INTEGERS) {
        throw scanner.error(place, field.tag, `${ints.length} integers`, `at most ${MOST_INTEGERS}`);
      }
    }
  });
  const rest = {
    ...tensor === undefined ? {} : { tensor },
    ...graph === undefined ? {} : { graph },
    ...refers === "" ? {} : { refers },
  };
  return [name, { i, ints, s, f, ...rest }];
}

async function scanFloat(scanner: WireScanner, start: number): Promise<number> {
  const field = { number: 2, wire: 2, value: 0, tag: start, start, end: start + 4 } as const;
  const bytes = await scanner.bytes(field, "attribute", 4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

/** A `ValueInfoProto`: a name and the shape of a tensor type. */
async function scanValue(
  scanner: WireScanner,
  start: number,
  end: number,
  graph: string,
): Promise<readonly [string, readonly Extent[] | null]> {
  const place = `${graph}, value`;
  let name = "";
  let shape: Extent[] | null = null;
  await scanner.fields(start, end, place, async (field) => {
    if (field.wire !== 2) return;
    if (field.number === 1) name = await scanner.text(field, place);
    if (field.number !== 2) return;
    await scanner.fields(field.start, field.end, place, async (type) => {
      if (type.number !== 1 || type.wire !== 2) return;
      await scanner.fields(type.start, type.end, place, async (part) => {
        if (part.number !== 2 || part.wire !== 2) return;
        const extents: Extent[] = [];
        await scanner.fields(part.start, part.end, place, async (dim) => {
          if (dim.number !== 1 || dim.wire !== 2) return;
          if (extents.length === MOST_AXES) {
            throw scanner.error(place, dim.tag, "more axes", `at most ${MOST_AXES}`);
          }
          let extent: Extent = null;
          await scanner.fields(dim.start, dim.end, place, async (each) => {
            if (each.number === 1 && each.wire === 0) extent = each.value;
            else if (each.number === 2 && each.wire === 2) extent = await scanner.text(each, place);
          });
          extents.push(extent);
        });
        shape = extents;
      });
    });
  });
  return [name, shape];
}
