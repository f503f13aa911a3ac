/** Words of the Python-like code in TorchScript archives. */

import { show } from "../../../src/model/errors.ts";

/** A word. `text` of a string is what stands between its quotes. */
export interface Token {
  readonly kind: "name" | "number" | "string" | "sign" | "newline" | "indent" | "dedent" | "end";
  readonly text: string;
  readonly line: number;
}

/** A file of code has some thousand lines; more than a million words are an attack on memory. */
const MOST_TOKENS = 2 ** 20;

/** Blocks within blocks. */
const DEEPEST = 64;

const WORD =
  /[ \t]*(?:(?<comment>#[^\n]*)|(?<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?)|(?<name>[A-Za-z_]\w*)|(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<sign>->|\*\*|\/\/|[=!<>]=|[-+*\/%<>=()[\]{},.:@]))/y;

/**
 * Takes code apart.
 *
 * @param what the file, for messages
 * @throws {SyntaxError} at the first character that is none of the language's; names the line
 */
export function tokensOf(what: string, code: string): readonly Token[] {
  const tokens: Token[] = [];
  const indents = [0];
  let brackets = 0;
  let line = 0;
  const add = (kind: Token["kind"], text: string) => {
    if (tokens.length >= MOST_TOKENS) {
      throw new SyntaxError(`${what}: found over ${MOST_TOKENS} words, required fewer`);
    }
    tokens.push({ kind, text, line });
  };
  for (const text of code.split("\n")) {
    line++;
    const bare = text.trim();
    if (bare === "" || bare.startsWith("#")) continue;
    if (brackets === 0) indentation(text.length - text.trimStart().length);
    WORD.lastIndex = 0;
    while (WORD.lastIndex < text.length) {
      const at = WORD.lastIndex;
      const groups = WORD.exec(text)?.groups;
      if (groups === undefined) {
        if (text.slice(at).trim() === "") break;
        throw new SyntaxError(
          `${what}, line ${line}: found ${
            show(text.slice(at, at + 20))
          }, required code as TorchScript writes it`,
        );
      }
      const { number, name, string, sign } = groups;
      if (number !== undefined) add("number", number);
      else if (name !== undefined) add("name", name);
      else if (string !== undefined) add("string", unescaped(string.slice(1, -1)));
      else if (sign !== undefined) {
        if ("([{".includes(sign)) brackets++;
        else if (")]}".includes(sign)) brackets = Math.max(0, brackets - 1);
        add("sign", sign);
      }
    }
    if (brackets === 0) add("newline", "");
  }
  indentation(0);
  add("end", "");
  return tokens;

  function indentation(width: number): void {
    if (width > indents.at(-1)!) {
      if (indents.length > DEEPEST) {
        throw new SyntaxError(`${what}, line ${line}: found blocks over ${DEEPEST} deep, required fewer`);
      }
      indents.push(width);
      add("indent", "");
    }
    for (; width < indents.at(-1)!; indents.pop()) add("dedent", "");
  }
}

function unescaped(text: string): string {
  const letters = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"]]);
  return text.replace(/\\(.)/gs, (_, letter: string) => letters.get(letter) ?? letter);
}
