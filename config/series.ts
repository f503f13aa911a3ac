/** What a config may say of series of checkpoints, and which files of a folder it takes. */

import { z } from "zod";

/** Long enough for any naming scheme, short enough to be read in a message. */
const LONGEST_PATTERN = 200;

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}

/** How epoch or step are read from names. */
export const seriesRuleSchema = z.union([
  z.enum(["auto", "off"]),
  z.strictObject({
    pattern: z.string().min(1).max(LONGEST_PATTERN)
      .refine(compiles, "a regular expression of JavaScript (flag u)")
      .refine(
        (pattern) => pattern.includes("(?<step>"),
        "a group (?<step>…), and (?<series>…) where it is wanted",
      )
      .describe(
        "A regular expression with a group (?<step>…), and (?<series>…) or all else is the series' name.",
      ),
  }),
]).describe(
  "How checkpoints of one model are told from their ids: auto knows epoch-012, step_1000, checkpoint-500, ckpt3 and the like.",
);

/** A rule for series. */
export type SeriesRule = z.infer<typeof seriesRuleSchema>;

/** Each star is one more choice per character; no list of files needs more than a few. */
const LONGEST_GLOB = 1000;

/** Globs over the names of files. */
export const globsSchema = z.union([
  z.string().min(1).max(LONGEST_GLOB),
  z.array(z.string().min(1).max(LONGEST_GLOB)).min(1).max(LONGEST_GLOB),
]).describe(
  "One glob or several (*, **, ?, {a,b}, [0-9]): without a slash over a file's name, with one over its path below the folder.",
);

/** One glob or several. */
export type Globs = z.infer<typeof globsSchema>;
