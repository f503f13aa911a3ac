/** What a container of torch's holds: its tensors, checked against its storages, and how they are read. */

import { show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import { isStored, toFloat64 } from "../floats.ts";
import { gather, isRowMajor, spanOf, swapBytes } from "../strided.ts";
import type { TorchContainer } from "./containers.ts";
import { type NamedTensor, namedTensors } from "./names.ts";
import type { TorchTensor } from "./tensor.ts";

/** A container's tensors, checked against its storages. */
export interface Contents {
  readonly container: TorchContainer;
  readonly tensors: readonly NamedTensor[];
  readonly networks: readonly string[];
}

/**
 * The tensors of a container.
 *
 * @throws {SyntaxError} when a storage is not there, or too short; names the tensor
 */
export function checked(what: string, container: TorchContainer): Contents {
  const { tensors, networks } = namedTensors(container.root, what);
  for (const { name, tensor } of tensors) {
    const { storage } = tensor;
    if (storage === null || !isStored(tensor)) continue;
    const required = storage.elements * storage.elementBytes;
    const found = container.sizeOf(storage.key);
    // An empty storage has no entry in some versions.
    if (required > 0 && (found === undefined || found < required)) {
      throw new SyntaxError(
        `${what}: tensor ${show(name)}, storage ${show(storage.key)}: found ${
          found === undefined ? "none" : `${found} bytes`
        }, required ${required} bytes`,
      );
    }
  }
  return { container, tensors, networks };
}

/** What is told of a tensor. */
export function infoOf({ name, tensor: { dtype, shape, bytes, unreadable } }: NamedTensor): TensorInfo {
  const info = { name, dtype, shape, byteLength: elementCount(shape) * bytes };
  return unreadable === undefined ? info : { ...info, unreadable };
}

/**
 * Reads a tensor.
 *
 * @param place file and tensor, for messages
 * @throws {RangeError} when it cannot be read as real numbers
 */
export async function readTensor(
  place: string,
  container: TorchContainer,
  tensor: TorchTensor,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const { dtype, bytes: size, storage, unreadable } = tensor;
  // Of float8 the stored numbers are read, for those who know the scales.
  if (storage === null || !isStored(tensor)) {
    throw new RangeError(`${place}: ${unreadable ?? "found no storage, required one"}`);
  }
  const { first, end } = spanOf(tensor);
  if (first === end) return new Float64Array(0);
  const bytes = await container.storage(storage.key, signal);
  const span = await bytes.slice(first * size, end * size, signal);
  const elements = isRowMajor(tensor) ? span : gather(span, tensor, size);
  try {
    return toFloat64(dtype, container.littleEndian ? elements : swapBytes(elements, size));
  } catch (cause) {
    throw new RangeError(`${place}: ${(cause as Error).message}`, { cause });
  }
}
