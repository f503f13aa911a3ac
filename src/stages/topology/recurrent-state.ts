/** Which of a recurrent layer's out channels are the state that others read, where only names and shapes tell. */

import { positionsFrom } from "../../model/layer-draft.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import type { Fits } from "./chain.ts";

/** Consecutive out channels. */
export interface State {
  readonly from: number;
  readonly length: number;
}

/** The gate that is the candidate, by how many there are: of a plain cell, a GRU (`r z n`, Keras `z r h`) and an LSTM (`i f g o`). */
const CANDIDATES: ReadonlyMap<number, number> = new Map([[1, 0], [3, 2], [4, 2]]);

/**
 * The state of a recurrent layer: the candidate's channels, which the input matrix and the hidden matrix both write.
 *
 * @returns null where a tensor is no matrix of a recurrent layer: PyTorch's `weight_ih` and `weight_hh`, Keras's `kernel` beside a `recurrent_kernel`
 */
export function stateOf(
  { name, shape }: TensorInfo,
  byName: ReadonlyMap<string, TensorInfo>,
): State | null {
  const isKeras = /(^|[./])(recurrent_)?kernel$/.test(name);
  const hidden = byName.get(
    isKeras
      ? name.replace(/(^|[./])(recurrent_)?kernel$/, "$1recurrent_kernel")
      : name.replace(/(^|[._])weight_ih(?=$|_l\d)/, "$1weight_hh"),
  );
  if (hidden?.shape.length !== 2 || shape.length !== 2) return null;
  if (!isKeras && !/(^|[._])weight_hh(_l\d+(_reverse)?)?$/.test(hidden.name)) return null;
  const [out, length] = isKeras ? [hidden.shape[1]!, hidden.shape[0]!] : [hidden.shape[0]!, hidden.shape[1]!];
  const candidate = CANDIDATES.get(out / length);
  return candidate === undefined || shape[isKeras ? 1 : 0] !== out
    ? null
    : { from: candidate * length, length };
}

/**
 * Whether one layer may feed the next: by widths, where recurrent layers give their state. Nobody feeds an embedding, which reads symbols, and no direction
 * of a recurrent layer the other one.
 */
export function fitting(byName: ReadonlyMap<string, TensorInfo>): Fits {
  return (source, target) => {
    const state = stateOf(source.tensor, byName);
    const isOther = state !== null && target.tensor.name !== source.tensor.name &&
      levelOf(target.tensor.name) === levelOf(source.tensor.name) &&
      !target.tensor.name.includes("weight_hh");
    if (target.kind === "embedding" || isOther) return null;
    return positionsFrom({ ...source, outChannels: state?.length ?? source.outChannels }, target);
  };
}

/** The same for all matrices of one level of a recurrent layer. */
const levelOf = (name: string) => name.replace("weight_hh", "weight_ih").replace(/_reverse$/, "");
