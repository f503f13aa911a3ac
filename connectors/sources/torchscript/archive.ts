/** A TorchScript archive beside its tensors: the code, the constants, and the dataflow that follows from both. */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { OperatorGraph } from "../../../src/model/operators.ts";
import { elementCount } from "../../../src/model/tensor.ts";
import { AtenNetwork } from "../aten/network.ts";
import { OPERATORS } from "../aten/operators.ts";
import { constant } from "../aten/values.ts";
import { openTorchZip, type TorchContainer } from "../pytorch/containers.ts";
import { checked, infoOf, readTensor } from "../pytorch/contents.ts";
import type { NamedTensor } from "../pytorch/names.ts";
import { isKind, type PickleValue } from "../pytorch/pickle-values.ts";
import type { ZipArchive } from "../zip/zip.ts";
import { Evaluation } from "./evaluation.ts";
import { parseScript } from "./parser.ts";
import type { ScriptFile } from "./syntax.ts";
import type { StoredValue } from "./values.ts";

/** What an archive says beside the tensors of its modules. */
export interface Script {
  /** The tensors of `constants.pkl`, a frozen network's weights, named `constants.<n>`. */
  readonly constants: readonly NamedTensor[];
  readonly container: TorchContainer | null;
  readonly operators: OperatorGraph | null;
  /** Why the graph is not used. */
  readonly reason: string | null;
}

/** Code of all files together: a network of a thousand layers has a few hundred kilobytes. */
const MOST_CODE = 16 * 2 ** 20;

/** Integers that shapes and indices are computed from are few. */
const LONGEST_INDEX = 1024;

/**
 * Reads an archive's code, and follows it.
 *
 * @param pickle the name of `data.pkl` among the entries
 * @param root what is in it
 * @param tensors its tensors
 * @returns null where the archive holds no code
 * @throws {SyntaxError} when the constants are damaged
 */
export async function openScript(
  what: string,
  archive: ZipArchive,
  pickle: string,
  root: PickleValue,
  tensors: readonly NamedTensor[],
  signal?: AbortSignal,
): Promise<Script | null> {
  const folder = pickle.slice(0, pickle.lastIndexOf("/") + 1);
  const sources = [...archive.entries.values()].filter(({ name }) =>
    name.startsWith(`${folder}code/`) && name.endsWith(".py")
  );
  if (sources.length === 0) return null;
  const name = `${folder}constants.pkl`;
  const container = archive.entries.has(name) ? await openTorchZip(what, archive, name, signal) : null;
  const all = container === null ? [] : checked(`${what}: constants.pkl`, container).tensors;
  const numbered = new Map(all.map((each) => [each.whole, { ...each, name: `constants.${each.whole}` }]));
  // A single number is no weight; it may be an index.
  const constants = [...numbered.values()].filter(({ tensor }) => elementCount(tensor.shape) > 1);
  const found = { constants, container };
  const size = sources.reduce((sum, entry) => sum + entry.size, 0);
  if (size > MOST_CODE) {
    return {
      ...found,
      operators: null,
      reason: `found ${size} bytes of code, required at most ${MOST_CODE}`,
    };
  }
  const code = new Map<string, string>();
  for (const entry of sources) {
    const module = entry.name.slice(`${folder}code/`.length, -".py".length).replaceAll("/", ".");
    code.set(module, new TextDecoder().decode(await archive.read(entry, signal)));
  }
  const numbers = new Map<string, readonly number[]>();
  for (const [key, each] of numbered) {
    if (container === null || !isIndex(each)) continue;
    try {
      const read = await readTensor(`${what}: constant ${key}`, container, each.tensor, signal);
      numbers.set(key, Array.from(read));
    } catch (failure) {
      // An integer that no double holds is not known; it is nobody's axis or extent.
      if (!(failure instanceof RangeError)) throw failure;
    }
  }
  try {
    const operators = follow(what, code, root, tensors, { numbered, numbers, root: container?.root ?? null });
    return { ...found, operators, reason: null };
  } catch (failure) {
    return { ...found, operators: null, reason: messageOf(failure) };
  }
}

const isIndex = ({ tensor: { dtype, shape, unreadable } }: NamedTensor) =>
  unreadable === undefined &&
  (/^I(64|32)$/.test(dtype) && elementCount(shape) <= LONGEST_INDEX || elementCount(shape) === 1);

interface Constants {
  readonly numbered: ReadonlyMap<string, NamedTensor>;
  readonly numbers: ReadonlyMap<string, readonly number[]>;
  readonly root: PickleValue;
}

function follow(
  what: string,
  code: ReadonlyMap<string, string>,
  root: PickleValue,
  tensors: readonly NamedTensor[],
  { numbered, numbers, root: constants }: Constants,
): OperatorGraph {
  if (!isKind(root, "record")) throw new SyntaxError("found no module in data.pkl, required one");
  const files = new Map<string, ScriptFile>();
  const stored = new Map(tensors.map((each): [string, StoredValue] => [each.whole, { info: infoOf(each) }]));
  const network = new AtenNetwork(OPERATORS);
  new Evaluation(network, {
    file(module) {
      const known = files.get(module);
      const text = code.get(module);
      if (known !== undefined || text === undefined) return known;
      const parsed = parseScript(`${what}: code/${module}`, text);
      files.set(module, parsed);
      return parsed;
    },
    tensor: (path) => stored.get(path),
    constant(index) {
      const key = String(index);
      const tensor = numbered.get(key);
      const data = numbers.get(key);
      if (tensor === undefined) return plainConstant(constants, index);
      if (elementCount(tensor.tensor.shape) <= 1) return constant(tensor.tensor.shape, data ?? [null]);
      return network.stored(infoOf(tensor), data);
    },
  }).forward({ kind: "object", record: root, path: "" });
  const operators = network.finish();
  if (operators.layers.length > 0) return operators;
  throw new SyntaxError(`found no layer in the code of ${show(what)}, required one`);
}

/** A constant that is no tensor. */
function plainConstant(root: PickleValue, index: number): number | boolean | string | null | undefined {
  const value = isKind(root, "list") ? root.items[index] : undefined;
  return value === null || typeof value === "number" || typeof value === "boolean" ||
      typeof value === "string"
    ? value
    : undefined;
}
