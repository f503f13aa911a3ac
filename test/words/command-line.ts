/** What the real command line makes of arguments, without doing it. */

import { execFileSync } from "node:child_process";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";

/** A command line that was understood, or why not. */
export type Understood =
  | {
    readonly command: string;
    readonly arguments: readonly (string | readonly string[])[];
    readonly options: Readonly<Record<string, unknown>>;
  }
  | { readonly error: string };

const PARSER = fileURLToPath(new URL("./parse-commands.ts", import.meta.url));

/** Parses command lines of `svr`, each from its first argument on, by the program itself in a process of its own. */
export function understood(lines: readonly (readonly string[])[]): readonly Understood[] {
  const answer = execFileSync(execPath, [PARSER], { input: JSON.stringify(lines), encoding: "utf8" });
  return JSON.parse(answer) as readonly Understood[];
}
