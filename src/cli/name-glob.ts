/** Globs over names, for `include` and `exclude`: in time that no glob can blow up, whoever wrote it. */

import { ConfigError } from "../../config/document.ts";
import { show } from "../model/errors.ts";

/** Braces multiply: `{a,b}{c,d}` is four globs. Nobody writes more than this by hand. */
const MOST_ALTERNATIVES = 1024;

/**
 * A test of names.
 *
 * @param include a name must match one of them; none given: every name passes
 * @param exclude a name must match none of them
 * @returns takes a path with `/`, relative to the folder that is searched. A glob without a slash is matched against its last part.
 * @throws {ConfigError} when a glob's braces stand for more than 1024 globs
 */
export function nameFilter(
  include: readonly string[] | undefined,
  exclude: readonly string[] | undefined,
): (name: string) => boolean {
  const matcher = (globs: readonly string[]) => {
    const all = globs.flatMap((glob) => alternatives(glob).map((each) => each.replace(/^\.\//u, "")));
    return (name: string) =>
      all.some((glob) => matches(glob, glob.includes("/") ? name : name.slice(name.lastIndexOf("/") + 1)));
  };
  const included = include === undefined ? () => true : matcher(include);
  const excluded = exclude === undefined ? () => false : matcher(exclude);
  return (name) => included(name) && !excluded(name);
}

/** The globs without braces that a glob with braces stands for, inner braces too. */
function alternatives(glob: string): string[] {
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
      throw new ConfigError(
        `include or exclude: found ${
          show(glob)
        }, required braces that stand for at most ${MOST_ALTERNATIVES} globs`,
      );
    }
  }
  return done;
}

/**
 * `*` is anything within a part of a path, `?` one character of it, `**` any number of whole parts. By the set of places in the
 * glob that each character of the name leads to: a product of the two lengths at most.
 */
function matches(glob: string, name: string): boolean {
  const signs = glob.match(/\*\*\/|\*\*|\*|\?|[^*?]/gu) ?? [];
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
      else if (sign === character || (sign === "?" && character !== "/")) next.add(place + 1);
    }
    places = rest(next, character === "/");
    if (places.size === 0) return false;
  }
  return places.has(signs.length);
}
