/** A strict check of the XML that we write, independent of the library that wrote it. */

const NAME = /[A-Za-z_][\w.:-]*/y;
const TEXT = /(?:[^<&>]|&(?:amp|lt|gt|quot|apos|#\d+);)*/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)="((?:[^<&"\n]|&(?:amp|lt|gt|quot|apos|#\d+);)*)"/y;
/** Controls but tab and line breaks, and what is no character. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/u;

/** What is wrong with a document of elements, attributes and text: at most one thing, with its place. */
export function wellFormed(xml: string): string[] {
  if (!xml.isWellFormed()) return ["half a surrogate pair"];
  if (FORBIDDEN.test(xml)) return [`a character that XML forbids at ${xml.search(FORBIDDEN)}`];
  const open: string[] = [];
  let at = 0;
  let roots = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(xml);
    if (found !== null) at += found[0].length;
    return found;
  };
  const wrong = (what: string) => [`${what} at ${at}: ${xml.slice(at, at + 60)}`];
  for (;;) {
    const text = take(TEXT)![0];
    if (open.length === 0 && text.trim() !== "") return wrong("text outside of the root");
    if (at === xml.length) break;
    if (xml.startsWith("</", at)) {
      at += 2;
      if (take(NAME)?.[0] !== open.pop() || xml[at] !== ">") return wrong("an end without a start");
      at++;
      continue;
    }
    if (xml[at] !== "<") return wrong("what is no text");
    at++;
    const name = take(NAME)?.[0];
    if (name === undefined) return wrong("no name");
    if (open.length === 0 && roots++ > 0) return wrong("a second root");
    const seen = new Set<string>();
    for (let attribute = take(ATTRIBUTE); attribute !== null; attribute = take(ATTRIBUTE)) {
      if (seen.has(attribute[1]!)) return wrong(`attribute ${attribute[1]} twice`);
      seen.add(attribute[1]!);
    }
    if (xml.startsWith("/>", at)) at += 2;
    else if (xml[at] === ">") {
      at++;
      open.push(name);
    } else return wrong("what is no attribute");
  }
  return open.length > 0 || roots === 0 ? wrong("no end") : [];
}
