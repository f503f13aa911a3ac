/** `svr view`, started as a user does. */

import { type ChildProcess, spawn } from "node:child_process";
import { execPath } from "node:process";
import { ROOT } from "../integration/svr.ts";

/** Starts `svr view` and reads its address. */
export function served(args: readonly string[]): Promise<[ChildProcess, string]> {
  return new Promise((resolve, reject) => {
    const child = spawn(execPath, [`${ROOT}src/cli.ts`, "view", ...args, "--no-open"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => said += text);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const found = /http:\S+/.exec(text);
      if (found !== null) resolve([child, found[0]]);
    });
    child.on("close", () => reject(new Error(`svr view ended: ${said}`)));
  });
}
