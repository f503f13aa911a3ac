/** All tensors of a PyTorch file, with the names that its state dict gives them. */

import { show } from "../../../src/model/errors.ts";
import { COPY_OF } from "../../../src/model/tensor.ts";
import { isKind, isRecordOf, type PickleRecord, type PickleValue } from "./pickle-values.ts";
import { type TorchTensor, torchTensor } from "./tensor.ts";

/** A tensor and its place in the file. */
export interface NamedTensor {
  readonly name: string;
  /** The path of keys, with what is left out of the name. */
  readonly whole: string;
  readonly tensor: TorchTensor;
}

/** The tensors of a file. */
export interface NamedTensors {
  readonly tensors: readonly NamedTensor[];
  /** Where there are several networks: how the names of each begin. */
  readonly networks: readonly string[];
}

/** Modules nest some ten deep, and dicts around them some three. Whatever lies deeper, a config perhaps, is passed over. */
const DEEPEST = 100;

/** A pickle may name one object in many places, and so unfold without end: a million places are more than any model has. */
const MOST_PLACES = 1_000_000;

/** Characters of all names together. A hundred thousand tensors with names of sixty are a tenth of it. */
const MOST_CHARACTERS = 64_000_000;

/** What DataParallel and torch.compile put before every name. */
const WRAPPERS = ["module.", "_orig_mod."];

/** A step of a tensor's path. `around` steps lead through dicts and lists, the others through modules and their attributes. */
interface Step {
  readonly key: string;
  readonly around: boolean;
}

interface Found {
  readonly path: readonly Step[];
  readonly tensor: TorchTensor;
  /** Whether it is an optimizer's state. */
  readonly optimizer: boolean;
}

/**
 * Finds all tensors below a pickle's value.
 *
 * A name is the path of keys, joined by dots, less the dicts around the state dict: those that all tensors of two or more axes
 * have before them. A `module.` or `_orig_mod.` before all of these goes too. So `{"state_dict": {"module.fc.weight": …}}` has the names of
 * `model.state_dict()`. An optimizer's tensors keep their whole path and are marked as unreadable.
 *
 * @param what the file in messages
 * @throws {SyntaxError} when two tensors have one name, a tensor's numbers do not fit together, or there is no end to it
 */
export function namedTensors(root: PickleValue, what: string): NamedTensors {
  const found = new Walk(what).from(root);
  const isAside = settingsAmong(found);
  const own = found.filter((each) => !each.optimizer && !isAside(each));
  const { copies, networks } = networksOf(own.filter(({ tensor }) => tensor.shape.length > 1));
  const isCopy = ({ path }: Found) => copies.has(path[0]?.key ?? "");
  const matrices = own.filter((each) => each.tensor.shape.length > 1 && !isCopy(each));
  const prefix = prefixOf(matrices.length > 0 ? matrices : own);
  const tensors = new Map<string, NamedTensor>();
  for (const each of found) {
    const { path, tensor, optimizer } = each;
    const whole = nameOf(path);
    const short = !optimizer && !isAside(each) && !isCopy(each) && whole.startsWith(prefix) &&
        whole.length > prefix.length
      ? whole.slice(prefix.length)
      : whole;
    const name = tensors.has(short) ? whole : short;
    if (tensors.has(name)) {
      throw new SyntaxError(`${what}: found two tensors ${show(name)}, required names that differ`);
    }
    const unreadable = optimizer
      ? "the state of an optimizer, not a weight"
      : isAside(each)
      ? "among the hyper-parameters beside a state dict, not a weight"
      : isCopy(each)
      ? `${COPY_OF}${show(copies.get(path[0]!.key))}, such as a moving average: save it alone to read it`
      : undefined;
    const read = unreadable === undefined ? tensor : { ...tensor, unreadable };
    tensors.set(name, { name, whole, tensor: read });
  }
  return { tensors: [...tensors.values()], networks };
}

/** What Lightning and others call settings; modules among them may hold numbers. */
const SETTINGS = /^(hyper_parameters|hparams|args|config|cfg)$/;

/** Whether a tensor is in settings that lie beside weights. */
function settingsAmong(found: readonly Found[]): (each: Found) => boolean {
  const isSetting = ({ path }: Found) => path.length > 1 && path[0]!.around && SETTINGS.test(path[0]!.key);
  const beside = found.some((each) => !each.optimizer && !isSetting(each) && each.tensor.shape.length > 1);
  return (each) => beside && isSetting(each);
}

/** What the key of a copy says, and that of the network which is trained does not. */
const COPY = /ema|aver|avg|swa|shadow|target|best|old/i;

/** State dicts, or modules, that lie side by side in a dict: which are copies of which other, and where several networks are, how their names begin. */
function networksOf(
  matrices: readonly Found[],
): { readonly copies: ReadonlyMap<string, string>; readonly networks: readonly string[] } {
  const parts = new Map<string, Found[]>();
  for (const each of matrices) {
    const [first] = each.path;
    const last = each.path.at(-1)!;
    // Dicts of dicts, a module each, are one network: a state dict's keys are paths.
    const isPart = first?.around === true && each.path.length > 1 && (last.key.includes(".") || !last.around);
    if (!isPart) return { copies: new Map(), networks: [] };
    const part = parts.get(first.key);
    if (part === undefined) parts.set(first.key, [each]);
    else part.push(each);
  }
  const keys = [...parts.keys()];
  const shapes = (key: string) =>
    JSON.stringify(parts.get(key)!.map(({ path, tensor }) => [nameOf(path.slice(1)), tensor.shape]).sort());
  // Reversed, so that of networks of the same shapes the first stays.
  const trained = new Map(
    keys.filter((key) => !COPY.test(key)).map((key) => [shapes(key), key] as const).reverse(),
  );
  const copies = new Map(
    keys.filter((key) => COPY.test(key)).flatMap((key) => {
      const of = trained.get(shapes(key));
      return of === undefined ? [] : [[key, of]];
    }),
  );
  const networks = keys.filter((key) => !copies.has(key)).map((key) => `${key}.`);
  return { copies, networks: networks.length > 1 ? networks : [] };
}

/** A file may be nothing but a tensor; it needs a name then. */
function nameOf(path: readonly Step[]): string {
  return path.length === 0 ? "tensor" : path.map(({ key }) => key).join(".");
}

function prefixOf(found: readonly Found[]): string {
  const [first, ...others] = found;
  if (first === undefined) return "";
  let depth = 0;
  for (; depth < first.path.length - 1; depth++) {
    const { key, around } = first.path[depth]!;
    if (!around || others.some(({ path }) => path.length <= depth + 1 || path[depth]!.key !== key)) break;
  }
  let prefix = first.path.slice(0, depth).map(({ key }) => `${key}.`).join("");
  const names = found.map(({ path }) => nameOf(path));
  for (;;) {
    const wrapper = WRAPPERS.find((each) => names.every((name) => name.startsWith(prefix + each)));
    if (wrapper === undefined) return prefix;
    prefix += wrapper;
  }
}

class Walk {
  readonly #what: string;
  readonly #found: Found[] = [];
  #places = 0;
  #characters = 0;
  /** What is being visited: a config may refer to what holds it. */
  readonly #open = new Set<PickleValue>();
  /** What was visited and holds no tensor: it need not be visited again, wherever it is named. */
  readonly #barren = new Set<PickleValue>();
  /** How often something was too deep. */
  #passed = 0;

  constructor(what: string) {
    this.#what = what;
  }

  from(root: PickleValue): readonly Found[] {
    this.#visit(root, [], false);
    return this.#found;
  }

  #visit(value: PickleValue, path: readonly Step[], optimizer: boolean): void {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
    if (this.#open.has(value) || this.#barren.has(value)) return;
    if (path.length > DEEPEST) {
      this.#passed++;
      return;
    }
    if (++this.#places > MOST_PLACES) {
      throw new SyntaxError(
        `${this.#what}: pickle: found objects in objects without end, required at most ${MOST_PLACES} in all`,
      );
    }
    const [found, passed] = [this.#found.length, this.#passed];
    this.#open.add(value);
    this.#inside(value, path, optimizer);
    this.#open.delete(value);
    if (this.#found.length === found && this.#passed === passed) this.#barren.add(value);
  }

  #inside(value: PickleValue & object, path: readonly Step[], optimizer: boolean): void {
    if (value instanceof Uint8Array) return;
    if (value.kind === "list") this.#each(value.items.entries(), path, true, optimizer);
    else if (value.kind === "dict") this.#dict(value.entries, path, optimizer);
    else if (value.kind === "record") this.#record(value, path, optimizer);
  }

  #record(value: PickleRecord, path: readonly Step[], optimizer: boolean): void {
    const tensor = torchTensor(value, this.#what, path);
    if (tensor !== null) {
      this.#characters += path.reduce((sum, { key }) => sum + key.length + 1, 0);
      if (this.#characters > MOST_CHARACTERS) {
        throw new SyntaxError(
          `${this.#what}: found names of more than ${MOST_CHARACTERS} characters, required fewer`,
        );
      }
      this.#found.push({ path, tensor, optimizer });
      return;
    }
    const entries = entriesOf(value);
    if (entries !== null) this.#dict(entries, path, optimizer);
    if (value.items !== undefined) this.#each(value.items.entries(), path, true, optimizer);
    // An OrderedDict's state is the versions of modules.
    if (isRecordOf(value, /^collections\.OrderedDict$/)) return;
    const state = stateOf(value);
    if (state === null) return;
    const parts = ["_parameters", "_buffers", "_modules"].map((name) => entriesOf(state.get(name)));
    if (parts.every((part) => part === null)) this.#each(state, path, false, optimizer);
    else {
      const hidden = new Set(setOf(state.get("_non_persistent_buffers_set")));
      const [parameters, buffers, modules] = parts;
      this.#each(parameters ?? [], path, false, optimizer);
      this.#each([...buffers ?? []].filter(([key]) => !hidden.has(key)), path, false, optimizer);
      this.#each(modules ?? [], path, false, optimizer);
    }
  }

  #dict(entries: ReadonlyMap<PickleValue, PickleValue>, path: readonly Step[], optimizer: boolean): void {
    // torch.optim's state dicts have exactly these two keys.
    const isOptimizer = entries.size === 2 && entries.has("state") && entries.has("param_groups");
    this.#each(entries, path, true, optimizer || isOptimizer);
  }

  #each(
    entries: Iterable<readonly [PickleValue, PickleValue]>,
    path: readonly Step[],
    around: boolean,
    optimizer: boolean,
  ): void {
    let index = 0;
    for (const [key, value] of entries) {
      if (typeof value === "object" && value !== null) {
        this.#visit(value, [...path, { key: keyText(key, index), around }], optimizer);
      }
      index++;
    }
  }
}

/** Keys that are no text or number are named by their place. */
function keyText(key: PickleValue, index: number): string {
  return typeof key === "object" ? `#${index}` : String(key);
}

/** What a dict, or an instance of a subclass of dict, holds; null where it is neither. */
function entriesOf(value: PickleValue | undefined): Map<PickleValue, PickleValue> | null {
  if (isKind(value, "dict")) return value.entries;
  if (!isKind(value, "record")) return null;
  if (value.entries !== undefined) return value.entries;
  if (!isRecordOf(value, /^collections\.OrderedDict$/)) return null;
  // Python 2 makes an OrderedDict of a list of pairs.
  const [pairs] = value.args;
  const entries = new Map<PickleValue, PickleValue>();
  for (const pair of isKind(pairs, "list") ? pairs.items : []) {
    if (isKind(pair, "list") && pair.items.length === 2) entries.set(pair.items[0]!, pair.items[1]!);
  }
  return entries;
}

/** An instance's attributes: its state, or the first of the two that instances with slots have. */
function stateOf({ state }: PickleRecord): Map<PickleValue, PickleValue> | null {
  return entriesOf(isKind(state, "list") ? state.items[0] : state);
}

/** A set is a call with a list before protocol 4. */
function setOf(value: PickleValue | undefined): readonly PickleValue[] {
  if (isKind(value, "list")) return value.items;
  if (isKind(value, "record") && isKind(value.args[0], "list")) return value.args[0].items;
  return isKind(value, "record") ? value.items ?? [] : [];
}
