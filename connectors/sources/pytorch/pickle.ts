/**
 * A reader of Python's pickles, protocols 0 to 5, that does nothing but read. A pickle is a program for a stack machine; here
 * every instruction that would import, call or build leaves an inert record, and the rest are plain values.
 */

import { PickleCursor } from "./pickle-cursor.ts";
import { plainValue } from "./pickle-plain.ts";
import { isKind, type PicklePersistent, type PickleRecord, type PickleValue } from "./pickle-values.ts";

/** torch writes some fifty instructions per tensor, so that this is a hundred thousand tensors with optimizer states. */
const MOST_INSTRUCTIONS = 20_000_000;

/** Lists, dicts and records are what takes memory: some ten per tensor, about a hundred bytes each. */
const MOST_OBJECTS = 2_000_000;

/** Every object is put into the memo, and so is every text. */
const MOST_MEMOS = 2 * MOST_OBJECTS;

/** Marks nest as deep as tuples do; torch nests module in module, and no model does so a thousand times. */
const MOST_MARKS = 1000;

/** A pickle that was read. */
export interface Pickle {
  readonly value: PickleValue;
  /** How many bytes it took. */
  readonly end: number;
  /** Every reference to something outside, in order. */
  readonly persistent: readonly PicklePersistent[];
}

/**
 * Reads one pickle from the beginning of `bytes`.
 *
 * @param what the pickle in messages
 * @throws {PickleCutShort} when the bytes end before it does
 * @throws {SyntaxError} when it is damaged, or larger than any model's
 */
export function readPickle(bytes: Uint8Array, what: string): Pickle {
  const cursor = new PickleCursor(bytes, what);
  const machine = new Machine(cursor);
  const value = machine.run();
  return { value, end: cursor.at, persistent: machine.persistent };
}

class Machine {
  readonly persistent: PicklePersistent[] = [];
  readonly #cursor: PickleCursor;
  #stack: PickleValue[] = [];
  readonly #marks: PickleValue[][] = [];
  /** Python numbers its memos from 0 on; whoever does not is served by the map, three times slower. */
  readonly #memo: PickleValue[] = [];
  readonly #strayMemo = new Map<number, PickleValue>();
  #objects = 0;

  constructor(cursor: PickleCursor) {
    this.#cursor = cursor;
  }

  run(): PickleValue {
    for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
      const code = this.#cursor.unsigned(1);
      if (code === 0x2e) return this.#pop();
      this.#step(code);
    }
    throw this.#cursor.refused(`${MOST_INSTRUCTIONS} instructions`, "fewer");
  }

  #step(code: number): void {
    const cursor = this.#cursor;
    switch (code) {
      case 0x80: { // PROTO
        const protocol = cursor.unsigned(1);
        if (protocol > 5) throw cursor.refused(`protocol ${protocol}`, "0 to 5");
        return;
      }
      case 0x95: // FRAME
        cursor.unsigned(8);
        return;
      case 0x28: // MARK
        if (this.#marks.length >= MOST_MARKS) throw cursor.refused(`${MOST_MARKS} open marks`, "fewer");
        this.#marks.push(this.#stack);
        this.#stack = [];
        return;
      case 0x30: // POP: of a mark too, where nothing stands above it
        if (this.#stack.length === 0 && this.#marks.length > 0) this.#marked();
        else this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#marked();
        return;
      case 0x32: // DUP
        return this.#push(this.#top());
      default: {
        const plain = plainValue(code, cursor);
        return plain === undefined ? this.#structure(code) : this.#push(plain);
      }
    }
  }

  #structure(code: number): void {
    const cursor = this.#cursor;
    switch (code) {
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        return this.#list([]);
      case 0x85: // TUPLE1
        return this.#list(this.#take(1));
      case 0x86: // TUPLE2
        return this.#list(this.#take(2));
      case 0x87: // TUPLE3
        return this.#list(this.#take(3));
      case 0x74: // TUPLE
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        return this.#list(this.#marked());
      case 0x7d: // EMPTY_DICT
        return this.#dict([]);
      case 0x64: // DICT
        return this.#dict(this.#marked());
      case 0x61: // APPEND
        return this.#append(this.#take(1));
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.#append(this.#marked());
      case 0x73: // SETITEM
        return this.#set(this.#take(2));
      case 0x75: // SETITEMS
        return this.#set(this.#marked());
      case 0x68: // BINGET
        return this.#get(cursor.unsigned(1));
      case 0x6a: // LONG_BINGET
        return this.#get(cursor.unsigned(4));
      case 0x67: // GET
        return this.#get(Number(cursor.decimal()));
      case 0x71: // BINPUT
        return this.#put(cursor.unsigned(1));
      case 0x72: // LONG_BINPUT
        return this.#put(cursor.unsigned(4));
      case 0x70: // PUT
        return this.#put(Number(cursor.decimal()));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.length + this.#strayMemo.size);
      default:
        return this.#foreign(code);
    }
  }

  /** What Python would import, call or build. */
  #foreign(code: number): void {
    const cursor = this.#cursor;
    switch (code) {
      case 0x63: // GLOBAL
        return this.#global(cursor.line(), cursor.line());
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#take(2);
        return this.#global(module, name);
      }
      case 0x69: { // INST
        const [module, name] = [cursor.line(), cursor.line()];
        const args = this.#marked();
        return this.#record({ kind: "global", module, name }, args);
      }
      case 0x6f: { // OBJ
        const [callable = null, ...args] = this.#marked();
        return this.#record(callable, args);
      }
      case 0x52: // REDUCE
      case 0x81: { // NEWOBJ
        const [callable = null, args] = this.#take(2);
        return this.#record(callable, this.#tuple(args));
      }
      case 0x92: { // NEWOBJ_EX; keyword arguments hold nothing that we look for
        const [callable = null, args] = this.#take(3);
        return this.#record(callable, this.#tuple(args));
      }
      case 0x62: { // BUILD
        const [state = null] = this.#take(1);
        const top = this.#top();
        if (!isKind(top, "record")) throw cursor.refused("BUILD of a plain value", "of an instance");
        top.state = state;
        return;
      }
      case 0x51: // BINPERSID
        return this.#outside(this.#pop());
      case 0x50: // PERSID
        return this.#outside(cursor.line());
      default:
        // 0x82 to 0x84 ask for extension codes, 0x97 and 0x98 for buffers that are not in the file.
        throw cursor.refused(
          `instruction 0x${code.toString(16).padStart(2, "0")}`,
          "one that torch writes (damaged, or no pickle?)",
        );
    }
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#cursor.refused("an empty stack", "a value");
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#cursor.refused("an empty stack", "a value");
    return value;
  }

  #take(count: number): PickleValue[] {
    if (this.#stack.length < count) {
      throw this.#cursor.refused(`a stack of ${this.#stack.length}`, `${count} values`);
    }
    return this.#stack.splice(-count);
  }

  /** What stands above the last mark; the mark goes. */
  #marked(): PickleValue[] {
    const below = this.#marks.pop();
    if (below === undefined) throw this.#cursor.refused("no mark", "one");
    const above = this.#stack;
    this.#stack = below;
    return above;
  }

  #spend(): void {
    if (++this.#objects > MOST_OBJECTS) throw this.#cursor.refused(`${MOST_OBJECTS} objects`, "fewer");
  }

  #list(items: PickleValue[]): void {
    this.#spend();
    this.#push({ kind: "list", items });
  }

  #dict(items: readonly PickleValue[]): void {
    this.#spend();
    this.#push({ kind: "dict", entries: new Map() });
    this.#set(items);
  }

  #record(callable: PickleValue, args: readonly PickleValue[]): void {
    this.#spend();
    const record: PickleRecord = {
      kind: "record",
      callable,
      args,
      state: undefined,
      entries: undefined,
      items: undefined,
    };
    this.#push(record);
  }

  #global(module: PickleValue | undefined, name: PickleValue | undefined): void {
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.#cursor.refused("a global without a name", "module and name as text");
    }
    this.#spend();
    this.#push({ kind: "global", module, name });
  }

  #outside(id: PickleValue): void {
    this.#spend();
    const reference: PicklePersistent = { kind: "persistent", id };
    this.persistent.push(reference);
    this.#push(reference);
  }

  #tuple(value: PickleValue | undefined): readonly PickleValue[] {
    if (!isKind(value, "list")) throw this.#cursor.refused("a call without a tuple", "one of arguments");
    return value.items;
  }

  #append(items: readonly PickleValue[]): void {
    const top = this.#top();
    if (isKind(top, "list")) { for (const item of items) top.items.push(item); }
    else if (isKind(top, "record")) { for (const item of items) (top.items ??= []).push(item); }
    else throw this.#cursor.refused("items for a plain value", "for a list");
  }

  #set(items: readonly PickleValue[]): void {
    const top = this.#top();
    const entries = isKind(top, "dict")
      ? top.entries
      : isKind(top, "record")
      ? top.entries ??= new Map()
      : null;
    if (entries === null) throw this.#cursor.refused("entries for a plain value", "for a dict");
    if (items.length % 2 !== 0) throw this.#cursor.refused("a key without a value", "pairs");
    for (let i = 0; i < items.length; i += 2) entries.set(items[i]!, items[i + 1]!);
  }

  #get(index: number): void {
    const value = index >= 0 && index < this.#memo.length ? this.#memo[index] : this.#strayMemo.get(index);
    if (value === undefined) throw this.#cursor.refused(`memo ${index}, never put`, "one that was");
    this.#push(value);
  }

  #put(index: number): void {
    if (index >= 0 && index <= this.#memo.length) this.#memo[index] = this.#top();
    else this.#strayMemo.set(index, this.#top());
    if (this.#memo.length + this.#strayMemo.size > MOST_MEMOS) {
      throw this.#cursor.refused(`${MOST_MEMOS} memos`, "fewer");
    }
  }
}
