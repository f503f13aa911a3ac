/** Runs programs of this checkout, on the Node and the Deno that it brings. */

import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { env, execPath } from "node:process";
import { fileURLToPath } from "node:url";

/** The root of the checkout, with a separator at its end. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** This Node, and the Deno among the dev dependencies. */
export const NODE = execPath;
export const DENO = `${ROOT}node_modules/.bin/deno`;

/** A program that has ended. */
export interface Ended {
  /** 0 for success; 1 where it was killed. */
  readonly code: number;
  /** stdout and stderr, as they came. */
  readonly output: string;
  readonly seconds: number;
}

/**
 * Runs a program in the root of the checkout.
 *
 * @param echo whether its output is also shown as it comes
 */
export function execute(program: string, args: readonly string[], echo = false): Promise<Ended> {
  const start = Date.now();
  return new Promise((resolve, reject) => {
    const path = [`${ROOT}node_modules/.bin`, env["PATH"] ?? ""].join(delimiter);
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...env, PATH: path },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (echo) process.stdout.write(text);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output, seconds: (Date.now() - start) / 1000 }));
  });
}
