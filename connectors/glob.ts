/**
 * Wildcards in names and keys: `*` and `?` within a part of a path, `**` across parts, `{one,other}`, and where they are asked for classes
 * such as `[a-z]`. In time that no pattern can blow up, whoever wrote it.
 */

import { show } from "../src/model/errors.ts";

/** Braces multiply: `{a,b}{c,d}` is four globs. Nobody writes more than this by hand. */
const MOST_ALTERNATIVES = 1024;

/** A wildcard, a character, or a class of characters. */
type Sign = string | RegExp;

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
 * A test of whole names.
 *
 * @param classes whether `[a-z]` and `[!a-z]` are classes of characters; else brackets are themselves
 * @throws {RangeError} when the braces stand for more than 1024 globs
 * @throws {SyntaxError} when, with classes, a bracket does not end
 */
export function globMatcher(glob: string, { classes = false } = {}): (name: string) => boolean {
  const all = alternatives(glob).map((each) => signsOf(each, classes));
  return (name) => all.some((signs) => matches(signs, name));
}

function signsOf(glob: string, classes: boolean): Sign[] {
  const pattern = classes ? /\*\*\/|\*\*|\*|\?|\[!?[^\]/]+\]|[^*?]/gu : /\*\*\/|\*\*|\*|\?|[^*?]/gu;
  return (glob.match(pattern) ?? []).map((sign) => {
    if (!classes || !/^[[{]/.test(sign)) return sign;
    if (sign.length === 1) {
      throw new SyntaxError(`a pattern: found ${sign} without its end, required both brackets`);
    }
    const not = sign.startsWith("[!");
    return new RegExp(
      `^[${not ? "^/" : ""}${sign.slice(not ? 2 : 1, -1).replaceAll(/[\\^\][]/g, "\\$&")}]$`,
      "u",
    );
  });
}

/** The globs without braces that a glob with braces stands for, inner braces too. @throws {RangeError} when there are more than 1024 */
export function alternatives(glob: string): string[] {
  const done: string[] = [];
  const open = [glob];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    // The innermost: no brace within.
    const braces = /\{([^{}]*)\}/u.exec(next);
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

/**
 * `*` is anything within a part of a path, `?` one character of it, `**` any number of whole parts. By the set of places in the
 * glob that each character of the name leads to: a product of the two lengths at most.
 */
function matches(signs: readonly Sign[], name: string): boolean {
  // Places reached without a further character: past every star that may stand for nothing.
  const rest = (places: Set<number>, fresh: boolean) => {
    for (const place of places) {
      const sign = signs[place];
      if (sign === "*" || sign === "**" || (sign === "**/" && fresh)) places.add(place + 1);
    }
    return places;
  };
  let places = rest(new Set([0]), true);
  for (const character of name) {
    const next = new Set<number>();
    for (const place of places) {
      const sign = signs[place];
      if (sign === "**" || (sign === "*" && character !== "/")) next.add(place);
      // Whole parts: the next sign is reached behind a slash only.
      else if (sign === "**/") next.add(place);
      else if (
        sign instanceof RegExp
          ? sign.test(character)
          : sign === character || (sign === "?" && character !== "/")
      ) {
        next.add(place + 1);
      }
    }
    places = rest(next, character === "/");
    if (places.size === 0) return false;
  }
  return places.has(signs.length);
}
