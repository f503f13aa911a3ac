/** The families that are recognized. A new one is a file and a line here, or in the registry of a folder. */

import { messageOf } from "../../../model/errors.ts";
import type { OperatorGraph } from "../../../model/operators.ts";
import type { Model } from "../../../model/ports.ts";
import type { Architecture, ModelFacts } from "./architecture.ts";
import { burnMnist, stableBaselines, tinyVgg, vdsr, waifu2xChain } from "./chains.ts";
import { LANGUAGE } from "./language/registry.ts";
import { babyA3c, sileroVad } from "./recurrent.ts";
import { VISION } from "./vision/registry.ts";

/** Most particular first: the first that recognizes a model is taken. */
export const ARCHITECTURES: readonly Architecture[] = [
  ...LANGUAGE,
  ...VISION,
  waifu2xChain,
  sileroVad,
  babyA3c,
  burnMnist,
  stableBaselines,
  vdsr,
  tinyVgg,
];

/** What the registry says of a model. */
export interface Recognition {
  /** The dataflow of the family that the model belongs to; null where none recognizes it. */
  readonly operators: OperatorGraph | null;
  /** Families that the model looks like and does not fit, and where. */
  readonly misfits: readonly string[];
}

/** Looks for the family of a model: one that accounts for all of it, else one that accounts for most of its blocks. */
export function recognized({ tensors, config }: Pick<Model, "tensors" | "config">): Recognition {
  const facts = { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), config };
  const misfits: string[] = [];
  const almost: Architecture[] = [];
  for (const family of ARCHITECTURES) {
    const built = builtBy(family, facts);
    if (typeof built === "string") {
      misfits.push(built);
      almost.push(family);
    } else if (built !== null) return { operators: built, misfits };
  }
  for (const family of almost) {
    const built = builtBy(family, { ...facts, inPart: true });
    if (typeof built !== "string" && built !== null) return { operators: built, misfits: [] };
  }
  return { operators: null, misfits };
}

/** What a family makes of a model; else why the model, which looks like it, does not fit it. */
function builtBy({ build }: Architecture, facts: ModelFacts): OperatorGraph | string | null {
  try {
    return build(facts);
  } catch (thrown) {
    // A model that is almost of a family is no reason to refuse it: it is a model whose topology is not known.
    if (!(thrown instanceof RangeError)) throw thrown;
    return messageOf(thrown);
  }
}
