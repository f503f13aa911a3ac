/** How the files of a model in several files are called. */

/** Indices of shards, those of a variant too: `model.safetensors.index.fp16.json`. */
export const INDEX_ENDING: RegExp = /\.(?:safetensors|bin)\.index(?:\.[\w-]+)?\.json$/i;

const SHARD = /-(\d{1,5})-of-(\d{1,5})(?=\.(?:[\w-]+\.)?(?:safetensors|bin|gguf)$)/;

/** The largest models have some two hundred; every one is an open file, and systems allow a thousand. */
export const MOST_SHARDS = 512;

/**
 * All files of the model that a file is a shard of, in order: `model-00001-of-00002.safetensors` and what it counts.
 *
 * @returns empty where the name is no shard's
 */
export function shardsOf(name: string): readonly string[] {
  const found = SHARD.exec(name);
  const [whole, number, count] = found ?? ["", "", "0"];
  if (found === null || Number(count) < 2) return [];
  return Array.from({ length: Number(count) }, (_, at) => {
    const own = String(at + 1).padStart(number.length, "0");
    return `${name.slice(0, found.index)}-${own}-of-${count}${name.slice(found.index + whole.length)}`;
  });
}

/** Meta's and Megatron's files, one for each device: `consolidated.00.pth`, `mp_rank_00_model_states.pt`. */
const SLICE = /^(consolidated\.|mp_rank_)(\d\d)(?=\.pth$|_\w*\.pt$)/;

/** Another file of a model each of whose matrices is cut into slices, a file each; null where the name is of no such file. */
export function otherSlice(name: string): string | null {
  const found = SLICE.exec(name);
  if (found === null) return null;
  return `${found[1]!}${found[2] === "00" ? "01" : "00"}${name.slice(found[0].length)}`;
}
