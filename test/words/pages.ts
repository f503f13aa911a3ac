/** The Markdown pages of the project, and their fenced blocks. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFiles, ROOT } from "../repo/sources.ts";

/** A fenced block. */
export interface Block {
  /** From the root. */
  readonly page: string;
  /** Of the fence, from 1. */
  readonly line: number;
  /** The first word after the fence; `""` where there is none. */
  readonly language: string;
  /** The words behind it: how the block is tested. */
  readonly how: string;
  readonly text: string;
}

/** A page, line by line. */
export interface Page {
  readonly path: string;
  /** Lines outside of fenced blocks; `""` in place of those within. */
  readonly prose: readonly string[];
  readonly blocks: readonly Block[];
}

/** A page from its text. @throws {SyntaxError} when a fence is not closed */
export function parsePage(path: string, text: string): Page {
  const prose: string[] = [];
  const blocks: Block[] = [];
  let open: { line: number; language: string; how: string; indent: string; lines: string[] } | null = null;
  for (const [at, line] of text.split("\n").entries()) {
    const fence = /^( *)```([\w-]*)(.*)$/.exec(line);
    prose.push(fence === null && open === null ? line : "");
    if (open === null) {
      if (fence === null) continue;
      const [, indent = "", language = "", how = ""] = fence;
      open = { line: at + 1, language, how: how.trim(), indent, lines: [] };
    } else if (fence === null) open.lines.push(line.slice(open.indent.length));
    else {
      const { line, language, how, lines } = open;
      blocks.push({ page: path, line, language, how, text: `${lines.join("\n")}\n` });
      open = null;
    }
  }
  if (open !== null) throw new SyntaxError(`${path}, line ${open.line}: found a fence that nothing closes`);
  return { path, prose, blocks };
}

/** Every Markdown page of the project that `wanted` takes. */
export function pages(wanted: RegExp = /\.md$/): readonly Page[] {
  return projectFiles().filter((path) => path.endsWith(".md") && wanted.test(path)).map((path) =>
    parsePage(path, readFileSync(join(ROOT, path), "utf8"))
  );
}

/** Pages whose blocks are tested. */
export const DOCUMENTATION = /^(README|CONTRIBUTING)\.md$|^docs\//;

/** A block's name in a report of tests: `docs/queries.md, line 3: npx svr query …`. */
export function nameOf({ page, line, text }: Block): string {
  const [first = ""] = text.split("\n");
  return `${page}, line ${line}: ${first.slice(0, 60).replaceAll(/[%$]/g, "_")}`;
}
