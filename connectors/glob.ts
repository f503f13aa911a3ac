/**
 * The one dialect of globs, for local and remote names, read by picomatch: `*` and `?` within a part of a path, `**` for any parts,
 * `{one,other}`, `[567]`, `[a-z]` and `[!a-z]`. All else is itself, brackets that are round too.
 *
 * picomatch makes regular expressions, which backtrack: `*a*a*a*a*b` may take years for a name of a thousand letters. A glob
 * needs no backtracking: the first place where the text behind a star is found will do, and later ones add nothing. So the parts
 * that picomatch makes are put together in groups that are never entered again, and time grows with the name's length.
 */

import picomatch from "picomatch";
import { messageOf, show } from "../src/model/errors.ts";

/** Longer than any path. */
const LONGEST = 4096;

/** Braces multiply: `{a,b}{c,d}` is four globs. Nobody writes more than this by hand. */
const MOST_ALTERNATIVES = 1024;

/** No dialect within the dialect: names begin with dots and exclamation marks, and hold quotes. */
const OPTIONS = {
  dot: true,
  noextglob: true,
  nonegate: true,
  keepQuotes: true,
  literalBrackets: false,
  strictSlashes: true,
  // Escapes double it, and a class may gain a character.
  maxLength: 3 * LONGEST,
} as const;

/** What picomatch makes of a star. */
const STAR = "[^/]*?";

/** What `**` becomes before a slash: whole parts, none or more, as few as will do. */
const PARTS = "(?:[^/]*\\/)*?";

/** Whether there is a wildcard. */
export function isGlob(key: string): boolean {
  return /[*?[{]/.test(key);
}

/** The folder that all matches are in: up to the last `/` before the first wildcard. */
export function globBase(key: string): string {
  const before = key.slice(0, key.search(/[*?[{]/));
  return before.slice(0, before.lastIndexOf("/") + 1);
}

/**
 * Globs for a walk of folders, which pass all that a glob passes, and more: of each part what stands before its first wildcard,
 * and nothing behind a second `**`. Whoever walks backtracks; these give no cause for it.
 *
 * @throws {RangeError} as `globMatcher`
 */
export function walkGlobs(glob: string): string[] {
  return alternatives(glob).map((each) => {
    const parts = each.split("/");
    const first = parts.indexOf("**");
    const again = first < 0 ? -1 : parts.indexOf("**", first + 1);
    return (again < 0 ? parts : parts.slice(0, again + 1)).map((part) => {
      if (part === "**") return part;
      const [text = ""] = /^[^*?[]*/u.exec(part) ?? [];
      return escaped(text) + (text === part ? "" : "*");
    }).join("/").replace(/^!/, "\\!");
  });
}

/**
 * A test of whole names. A name that is the glob itself passes too: files are called `[x]`.
 *
 * @throws {RangeError} when the glob is longer than 4096 characters, or its braces stand for more than 1024 globs
 * @throws {SyntaxError} when a bracket does not end, or a range runs backwards
 */
export function globMatcher(glob: string): (name: string) => boolean {
  const all = alternatives(glob).map((each) => expression(each));
  return (name) => name === glob || all.some((each) => each.test(name));
}

/** The globs without braces that a glob with braces stands for, inner braces too. @throws {RangeError} as `globMatcher` */
export function alternatives(glob: string): string[] {
  if (glob.length > LONGEST) {
    throw new RangeError(`a pattern: found ${glob.length} characters, required at most ${LONGEST}`);
  }
  const done: string[] = [];
  const open = [glob];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    // The innermost: no brace within.
    const braces = /\{([^{},]*,[^{}]*)\}/u.exec(next);
    if (braces === null) done.push(next);
    else {
      const [all, inner = ""] = braces;
      for (const part of inner.split(",")) {
        open.push(next.slice(0, braces.index) + part + next.slice(braces.index + all.length));
      }
    }
    if (done.length + open.length > MOST_ALTERNATIVES) {
      throw new RangeError(
        `a pattern: found ${show(glob)}, required braces that stand for at most ${MOST_ALTERNATIVES} globs`,
      );
    }
  }
  return done;
}

/** A glob without alternatives as an expression that tries nothing twice. */
function expression(glob: string): RegExp {
  const [open] = /\[|\{(?![^]*\})/u.exec(glob.replaceAll(/\[[!^]?[^\]/]+\]/gu, "")) ?? [];
  if (open !== undefined) {
    throw new SyntaxError(`a pattern: found ${open} without its end, required both brackets`);
  }
  let groups = 0;
  const once = (source: string) => {
    const name = `g${groups++}`;
    return `(?=(?<${name}>${source}))\\k<${name}>`;
  };
  const part = (text: string) => {
    const [before = "", ...behind] = sourceOf(text).split(STAR);
    const last = behind.pop();
    return last === undefined
      ? before
      : `${before}${behind.map((each) => once(STAR + each)).join("")}${STAR}${last}`;
  };
  // What stands between the `**`.
  const runs: string[][] = [[]];
  for (const text of glob.split("/")) {
    if (text === "**") runs.push([]);
    else runs.at(-1)!.push(part(text));
  }
  const [first = [], ...others] = runs.map((run) => run.join("\\/"));
  const end = others.pop();
  const source = end === undefined ? first : [
    runs[0]!.length === 0 ? "" : `${first}\\/`,
    ...others.flatMap((run, at) => runs[at + 1]!.length === 0 ? [] : [once(`${PARTS}${run}\\/`)]),
    runs.at(-1)!.length === 0 ? ".+" : `${PARTS}${end}`,
  ].join("");
  try {
    return new RegExp(`^(?:${String(source)})$`, "su");
  } catch (cause) {
    throw new SyntaxError(
      `a pattern: found ${show(glob)}, required ranges such as [a-z]: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** A part of a path as picomatch reads it. */
function sourceOf(part: string): string {
  if (part === "") return "";
  return picomatch.parse(escaped(part).replaceAll(/\[[!^]/g, "[^/"), OPTIONS).output;
}

/** What means something to picomatch, and nothing in the dialect. */
const escaped = (text: string) => text.replaceAll(/[\\(){}|+$]/g, "\\$&");
