/** Which tensors share their numbers, and what each has become since one of them was written to. */

import type { Value } from "../onnx/values.ts";
import { type AtenValue, isList, isTensor, listOf } from "./values.ts";

const words = (text: string) => text.split(" ");

/** Operators whose results may be a part, or another shape, of what they are given. */
const VIEWS: ReadonlySet<string> = new Set([
  ...words("slice narrow select view reshape _reshape_alias view_as reshape_as expand expand_as flatten"),
  ...words("unflatten permute transpose swapaxes swapdims t mT numpy_T T H mH movedim moveaxis squeeze"),
  ...words("unsqueeze split split_with_sizes tensor_split hsplit vsplit dsplit chunk unbind ravel diagonal"),
  ...words(
    "as_strided unfold real imag view_as_real view_as_complex contiguous to type_as float half double",
  ),
  ...words("bfloat16 long int cpu cuda positive resolve_conj resolve_neg dropout feature_dropout"),
  ...words("alpha_dropout feature_alpha_dropout"),
]);

/** Operators whose result is what they are given. */
const SAME: ReadonlySet<string> = new Set(words("alias detach lift lift_fresh"));

/** Tensors that are looked at when others are written to, all together. */
const MOST_CHANGES = 2 ** 20;

interface Tensor {
  /** All that share its numbers. */
  readonly storage: Tensor[];
  /** The same of tensors that are the same part in the same shape. */
  readonly place: object;
  now: Value;
}

/** Whether an operator changes its first argument. */
export function isInPlace(op: string): boolean {
  return /[a-z0-9]_$/.test(op);
}

/** Whether an operator shows numbers in another shape, also where it does so in place. */
export function isView(op: string): boolean {
  return VIEWS.has(op.replace(/_$/, "")) || SAME.has(op.replace(/_$/, ""));
}

/** The tensors of one network. */
export class Aliases {
  readonly #tensors = new Map<Value, Tensor>();
  #written = false;
  #changes = 0;

  /** What a value, or a list's items, are by now. */
  now(value: AtenValue): AtenValue {
    if (!this.#written) return value;
    if (isTensor(value)) return this.#tensors.get(value)?.now ?? value;
    if (!isList(value)) return value;
    return listOf(value.items.map((each) => isTensor(each) ? this.#tensors.get(each)?.now ?? each : each));
  }

  /** Says that a value, which is new, shares the numbers of another. @param same whether it is all of them in their shape */
  share(made: Value, of: Value, same: boolean): void {
    const { storage, place } = this.#of(of);
    const tensor = { storage, place: same ? place : {}, now: made };
    storage.push(tensor);
    this.#tensors.set(made, tensor);
  }

  /** The results of an operator, as values of their own. @param of what it was given, before it is looked up what that is by now */
  results(op: string, result: AtenValue, of: AtenValue | undefined): AtenValue {
    const own = (value: AtenValue): AtenValue => {
      if (!isTensor(value)) return value;
      const made = { ...value };
      if (isTensor(of) && isView(op)) this.share(made, of, SAME.has(op));
      return made;
    };
    return isList(result) ? listOf(result.items.map(own)) : own(result);
  }

  /**
   * Says that a tensor was written to.
   *
   * @param result what it is now
   * @param beside what another tensor that shares numbers with it is now
   * @throws {RangeError} when very many tensors share numbers
   */
  written(target: Value, result: Value, beside: (value: Value) => Value): Value {
    this.#written = true;
    const { storage, place } = this.#of(target);
    this.#changes += storage.length;
    if (this.#changes > MOST_CHANGES) {
      throw new RangeError(
        `found over ${MOST_CHANGES} changes of tensors by writing to others, required fewer`,
      );
    }
    const changed = new Map<Value, Value>();
    for (const each of storage) {
      const value = each.place === place ? result : changed.get(each.now) ?? beside(each.now);
      if (each.place !== place) changed.set(each.now, value);
      each.now = value;
    }
    const made = { ...result };
    this.share(made, target, true);
    return made;
  }

  #of(value: Value): Tensor {
    const known = this.#tensors.get(value);
    if (known !== undefined) return known;
    const made: Tensor = { storage: [], place: {}, now: value };
    made.storage.push(made);
    this.#tensors.set(value, made);
    return made;
  }
}
