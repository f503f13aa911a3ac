/** Models of which little or nothing was read: a run says so, for tables that lack a model's layers look like any others. */

import { counted } from "../model/counted.ts";
import { show } from "../model/errors.ts";
import type { LayerGraph } from "../model/layer.ts";
import { elementCount, type TensorInfo } from "../model/tensor.ts";
import { isCopy } from "../stages/layers.ts";

/** A larger share of a model's numbers than this in tensors without a reader is warned about. */
const MOST_UNREAD = 0.1;

/** How warnings of this kind begin; those that an earlier run has kept are found by it. */
const UNREAD = "not read: ";

/** How formats say of a weight that there is no reader for it, or for what stands around it. */
const NO_READER = /\bis not (followed|walked|read)\b/;

/** Stored integers of which the file's own graph says what they mean: the real numbers are another tensor of the model. */
const READ_ELSEWHERE = /^the quantized .*weight of /;

/** What lies beside a network, such as an optimizer's state: nothing of the network is lost with it. */
const BESIDE = /, not a weight( of the network)?$/;

/** Integers that number something, or mask it: nothing is lost with them. */
const INDICES = /(^|[._])(index|indices|ids|mask)$|(^|[._])attn[._]bias$/;

/** No layer of any kind has a weight of more axes. */
const MOST_AXES = 5;

/**
 * What is to be said of a model of which little was read.
 *
 * @returns a warning where it has no layers, or where more than a tenth of its numbers lie in tensors that were passed over for want of
 * a reader: of a type or with more axes than can be read, or at an operator that is not followed
 */
export function unreadWarnings(
  tensors: readonly TensorInfo[],
  { layers, skipped }: Pick<LayerGraph, "layers" | "skipped">,
): string[] {
  const reasons = new Map(
    skipped.flatMap(({ subject, name, reason }) => subject === "tensor" ? [[name, reason] as const] : []),
  );
  if (layers.length === 0) {
    const most = largestOf(tensors);
    const why = most === undefined
      ? ""
      : `, the largest ${show(most.name)}: ${reasons.get(most.name) ?? "no weight"}`;
    return [
      `${UNREAD}no layer was found in ${
        counted(tensors.length, "tensor")
      }${why}; svr inspect says why of each`,
    ];
  }
  const own = tensors.filter(({ name }) =>
    ![READ_ELSEWHERE, BESIDE].some((each) => each.test(reasons.get(name) ?? ""))
  );
  const unread = own.filter((tensor) => isUnread(tensor, reasons.get(tensor.name)));
  const [all, lost] = [own, unread].map((each) =>
    each.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  );
  if (lost! <= MOST_UNREAD * all!) return [];
  const largest = largestOf(unread)!;
  return [
    `${UNREAD}${Math.round(100 * lost! / all!)}% of its numbers are in ${
      counted(unread.length, "tensor")
    } for which there is no reader, such as ${show(largest.name)}: ${
      reasons.get(largest.name) ?? "no weight"
    }`,
  ];
}

function largestOf(tensors: readonly TensorInfo[]): TensorInfo | undefined {
  return tensors.reduce<TensorInfo | undefined>(
    (most, each) => most === undefined || elementCount(each.shape) > elementCount(most.shape) ? each : most,
    undefined,
  );
}

function isUnread({ name, shape, dtype, unreadable }: TensorInfo, reason: string | undefined): boolean {
  if (reason === undefined || shape.length < 2 || isCopy(reason)) return false;
  const isQuantized = /^[IU]\d+$/.test(dtype) && !INDICES.test(name);
  return unreadable !== undefined || isQuantized || shape.length > MOST_AXES || NO_READER.test(reason);
}

/** Whether a warning is one of `unreadWarnings`. */
export function saysUnread(warning: string): boolean {
  return warning.startsWith(UNREAD);
}
