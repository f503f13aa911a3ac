/**
 * `npx svrflow`, `npx svr` and `npm run svr` start a shell that starts this process. npm passes SIGTERM on to the shell only, which ends without
 * a word: the run would go on, and nobody would know. So a process started that way looks whether its shell is still there.
 */

import process, { env } from "node:process";

/** Milliseconds between looks. */
const EVERY = 250;

/** What npm says that it runs: this program, in the foreground. */
const OURS = /^(?:'?svr(?:flow)?\b|node src\/cli\.ts\b)[^&]*$/;

/** Calls `stop` once when npm's shell has ended before this process; never where there was none. */
export function onShellExit(stop: () => void): void {
  if (!OURS.test(env["npm_lifecycle_script"] ?? "")) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    stop();
  }, EVERY);
  timer.unref();
}
