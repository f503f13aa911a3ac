/** Runs the command line as a user does: in a process of its own. */

import { spawn } from "node:child_process";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";

/** The root of the checkout. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a process left. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Environment of a user: without what the test runner sets. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !/^(VITEST|NODE_OPTIONS|FORCE_COLOR|NO_COLOR|COLUMNS$)/.test(name)
  ),
);

/**
 * Runs a program to its end.
 *
 * @param onOutput called with all of stderr so far, and a function that sends a signal
 */
export function execute(
  program: string,
  args: readonly string[],
  { cwd = ROOT, env = {}, onOutput }: {
    cwd?: string;
    env?: Readonly<Record<string, string>>;
    onOutput?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...ENV, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onOutput?.(stderr, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** What a log is told when nothing else was said for a while: how often depends on the machine. */
export const HEARTBEAT =
  /^\d+ (?:s|min|h)(?: \d+ (?:s|min))?, (?:looking for models|models \d|loading the graph|writing the report).*\n/gm;

/** `svr <args>` on the runtime of the tests; stderr without the lines that only say that it is still at work. */
export async function svr(
  args: readonly string[],
  options: Parameters<typeof execute>[2] = {},
): Promise<Ended> {
  const flags = "Deno" in globalThis ? ["run", "-A"] : [];
  const ended = await execute(execPath, [...flags, `${ROOT}src/cli.ts`, ...args], options);
  return { ...ended, stderr: ended.stderr.replaceAll(HEARTBEAT, "") };
}
