/** Processes that run a module of ours, and talk with the one that started them by messages. */

import { type ChildProcess, fork } from "node:child_process";
import type { EventEmitter } from "node:events";
import { versions } from "node:process";
import { fileURLToPath } from "node:url";

/** How a process is started. */
export interface SubprocessOptions {
  /** Options of Node's for the process, such as of its garbage collector. Deno has others, and gets none. Default: none. */
  readonly nodeOptions?: readonly string[];
}

/**
 * Starts a module in a process of its own. What it prints on stderr goes where this process prints.
 *
 * @param module as `moduleUrl` names it
 */
export function startSubprocess(module: URL, { nodeOptions = [] }: SubprocessOptions = {}): ChildProcess {
  const execArgv = versions["deno"] === undefined ? [...nodeOptions] : [];
  return fork(fileURLToPath(module), [], { execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

/** The events of a process: Deno's types leave out that it has some. */
export const eventsOf = (child: ChildProcess) => child as unknown as EventEmitter;

/** Sends a message. Where the process has ended meanwhile, that is said when its `exit` is heard. */
export function sendTo<Message extends object>(child: ChildProcess, message: Message): void {
  if (child.connected) child.send(message, (): void => undefined);
}
