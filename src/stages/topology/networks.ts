/** Several networks in one file of which only names tell. */

import { show } from "../../model/errors.ts";
import type { TensorInfo } from "../../model/tensor.ts";

/** What copies of a network are called: moving averages, target networks. */
const COPY = /(^|_)(ema|avg|averaged?|swa|shadow|target|old|best)(_|$)/i;

/** Wrappers within a copy, and the dots that some leave out of its names. */
const UNLIKE = /(^|\.)(module|_orig_mod)(?=\.)|\./g;

/** Networks of a file, each with a beginning of names. */
export interface Networks {
  /** Empty where there is one network. */
  readonly beginnings: readonly string[];
  readonly warnings: readonly string[];
}

/** Networks that are copies of others by their names and shapes, such as `model_ema.` of `model.`, and these others. */
export function copiedNetworks(tensors: readonly TensorInfo[]): Networks {
  const groups = Map.groupBy(
    tensors.filter(({ name, shape }) => shape.length > 1 && name.includes(".")),
    ({ name }) => name.slice(0, name.indexOf(".") + 1),
  );
  if (![...groups.keys()].some(isCopy)) return { beginnings: [], warnings: [] };
  const content = ([beginning, group]: readonly [string, readonly TensorInfo[]]) =>
    JSON.stringify(
      group.map(({ name, shape }) => [name.slice(beginning.length).replace(UNLIKE, ""), shape]).sort(),
    );
  const trained = new Map(
    [...groups].filter(([beginning]) => !isCopy(beginning)).map((each) => [content(each), each[0]]),
  );
  const copies = [...groups].flatMap((each) => {
    const of = isCopy(each[0]) ? trained.get(content(each)) : undefined;
    return of === undefined ? [] : [{ copy: each[0], of }];
  });
  return {
    beginnings: [...new Set(copies.flatMap(({ copy, of }) => [of, copy]))],
    warnings: copies.map(({ copy, of }) =>
      `the tensors of ${show(copy)} have the names and shapes of those of ${
        show(of)
      }: taken as a network of their own, such as a moving average or a target`
    ),
  };
}

const isCopy = (beginning: string) => COPY.test(beginning.slice(0, -1));
