/** What is wrong with a config, in words that say how to mend it. */

import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** One thing that is wrong: where, and the sentence. */
export interface Complaint {
  readonly keys: readonly PropertyKey[];
  readonly message: string;
}

/** The complaints of a failed check, in the order in which the schema made them. */
export function complaints(issues: readonly Issue[], value: unknown, known: readonly string[]): Complaint[] {
  return issues.flatMap((issue) => complaintsOf(issue, [], value, known));
}

function complaintsOf(
  issue: Issue,
  above: readonly PropertyKey[],
  root: unknown,
  known: readonly string[],
): Complaint[] {
  const keys = [...above, ...issue.path];
  const here = keys.length === 0 ? "" : `${pathText(keys)}: `;
  // What may hold a password is not repeated.
  const found = `found ${
    issue.code === "custom" && issue.params?.["hidden"] === true
      ? "something else"
      : shown(valueAt(root, keys))
  }`;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        const hint = near === null ? "" : `, did you mean ${shown(near)}?`;
        return { keys: [...keys, key], message: `${here}found unknown key ${shown(key)}${hint}` };
      });
    case "invalid_union": {
      const branch = bestBranch(issue.errors);
      return branch.length === 0
        ? [{ keys, message: `${here}${found}, required another kind of value` }]
        : branch.flatMap((inner) => complaintsOf(inner, keys, root, known));
    }
    default:
      return [{ keys, message: `${here}${found}, required ${requirement(issue)}` }];
  }
}

/** Of the ways in which a value could be meant, the one that comes nearest: wrong inside rather than wrong in kind. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const wrongKind = (issues: readonly Issue[]) =>
    issues.some(({ code, path }) => path.length === 0 && code !== "unrecognized_keys") ? 1 : 0;
  const missing = (issues: readonly Issue[]) =>
    issues.filter(({ code, input, path }) =>
      code === "unrecognized_keys" || (code === "invalid_type" && path.length > 0 && input === undefined)
    ).length;
  return [...branches].sort((a, b) =>
    wrongKind(a) - wrongKind(b) || missing(a) - missing(b) || a.length - b.length
  )[0] ?? [];
}

function requirement(issue: Exclude<Issue, { code: "unrecognized_keys" | "invalid_union" }>): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "int" ? "an integer" : `a value of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? shown(issue.values[0])
        : `one of ${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}${
        counted(issue.origin)
      }`;
    case "too_big":
      return `${issue.inclusive === true ? "at most" : "less than"} ${issue.maximum}${counted(issue.origin)}`;
    default:
      return issue.message;
  }
}

function counted(origin: string): string {
  return origin === "string" ? " characters" : origin === "array" ? " entries" : "";
}

function valueAt(root: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    root,
  );
}

function pathText(keys: readonly PropertyKey[]): string {
  return keys.map((key, at) => typeof key === "number" ? `[${key}]` : `${at > 0 ? "." : ""}${String(key)}`)
    .join("");
}

/** Values in messages are cut at this many characters. */
const LONGEST_VALUE = 60;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

/** The known name that a misspelt one probably means: at most a third of its letters differ. */
export function nearest(name: string, known: readonly string[]): string | null {
  const ranked = known.map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  })).sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const close = best !== undefined &&
    best.distance <= Math.max(1, Math.ceil(Math.max(name.length, best.candidate.length) / 3));
  return close ? best.candidate : null;
}

/** Levenshtein's distance with transpositions of neighbours (Damerau), one row of the table per letter. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = rows[i - 1] ?? [];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substituted);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
