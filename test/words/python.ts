/** Python as a parser of Python. */

import { spawnSync } from "node:child_process";

/**
 * Parses a program.
 *
 * @returns null where there is no `python3`
 * @throws {SyntaxError} with what Python says
 */
export function parsePython(text: string): true | null {
  const { error, status, stderr } = spawnSync(
    "python3",
    ["-c", "import ast, sys; ast.parse(sys.stdin.read())"],
    { input: text, encoding: "utf8" },
  );
  if (error !== undefined) return null;
  if (status !== 0) throw new SyntaxError(`${stderr}\n${text}`);
  return true;
}
