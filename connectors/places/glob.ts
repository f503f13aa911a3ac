/** Wildcards in keys: `*` and `?` within a folder, `**` across folders, `[a-z]`, `{one,other}`. */

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
 * The pattern as a regular expression over whole keys.
 *
 * @throws {SyntaxError} when a bracket does not end
 */
export function globPattern(key: string): RegExp {
  let source = "";
  for (let at = 0; at < key.length;) {
    const rest = key.slice(at);
    const [token = ""] = /^(?:\*\*\/|\*+|\?|\[!?[^\]/]+\]|\{[^{}]+\}|[^])/.exec(rest) ?? [];
    source += part(token);
    at += token.length;
  }
  return new RegExp(`^${source}$`, "su");
}

function part(token: string): string {
  if (token === "**/") return "(?:.*/)?";
  if (/^\*\*/.test(token)) return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  if (token.length > 1 && token.startsWith("[")) {
    return `[${token.startsWith("[!") ? "^/" : ""}${
      token.slice(token.startsWith("[!") ? 2 : 1, -1).replaceAll(/[\\^\][]/g, "\\$&")
    }]`;
  }
  if (token.length > 1 && token.startsWith("{")) {
    return `(?:${token.slice(1, -1).split(",").map((each) => [...each].map(part).join("")).join("|")})`;
  }
  if (token === "[" || token === "{") {
    throw new SyntaxError(`a pattern: found ${token} without its end, required both brackets`);
  }
  return token.replaceAll(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&").replaceAll("\\-", "\\x2d");
}
