/** Globs over names, for `include` and `exclude`. */

import { ConfigError } from "../../../config/document.ts";
import { alternatives, globMatcher } from "../../../connectors/glob.ts";
import { messageOf } from "../../model/errors.ts";

/**
 * A test of names.
 *
 * @param include a name must match one of them; none given: every name passes
 * @param exclude a name must match none of them
 * @returns takes a path with `/`, relative to the folder that is searched. A glob without a slash is matched against its last part.
 * @throws {ConfigError} when a glob is none: its braces stand for more than 1024 globs, or a bracket does not end
 */
export function nameFilter(
  include: readonly string[] | undefined,
  exclude: readonly string[] | undefined,
): (name: string) => boolean {
  const included = include === undefined ? () => true : matcher(include);
  const excluded = exclude === undefined ? () => false : matcher(exclude);
  return (name) => included(name) && !excluded(name);
}

function matcher(globs: readonly string[]): (name: string) => boolean {
  try {
    // `{a/b,c}` has both kinds.
    const all = globs.flatMap(alternatives).map((glob) => ({
      whole: glob.includes("/"),
      matches: globMatcher(glob.replace(/^\.\//u, "")),
    }));
    return (name) => {
      const last = name.slice(name.lastIndexOf("/") + 1);
      return all.some(({ whole, matches }) => matches(whole ? name : last));
    };
  } catch (cause) {
    throw new ConfigError(`include or exclude: ${messageOf(cause)}`, { cause });
  }
}
