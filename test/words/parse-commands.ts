/**
 * The program of `command-line.ts`: loads the command line as it is, but stops it where it would parse its own arguments. Then it takes
 * every action away, parses the command lines of stdin (JSON), and writes what was understood of each (JSON).
 */

import { readFileSync } from "node:fs";
import { exit, stdout } from "node:process";
import { Command } from "commander";
import type { Understood } from "./command-line.ts";

const { parseAsync } = Command.prototype;
const loaded = new Promise<Command>((resolve) => {
  Command.prototype.parseAsync = function () {
    resolve(this);
    // The program waits for it at its end, and so for ever.
    return new Promise<never>(() => undefined);
  };
});
void import("../../src/cli.ts");
const program = await loaded;
Command.prototype.parseAsync = parseAsync;

let found: Understood = { error: "no command" };
const commands = (command: Command): Command[] => [command, ...command.commands.flatMap(commands)];
let said = "";
for (const command of commands(program)) {
  command.exitOverride().configureOutput({
    writeOut: () => undefined,
    writeErr: (text) => {
      said += text;
    },
  });
  if (command.commands.length > 0) continue;
  command.action(() => {
    const path: string[] = [];
    for (let at: Command | null = command; at?.parent != null; at = at.parent) path.unshift(at.name());
    found = {
      command: path.join(" "),
      arguments: command.processedArgs as (string | string[])[],
      options: command.opts(),
    };
  });
}

const answers: Understood[] = [];
for (const line of JSON.parse(readFileSync(0, "utf8")) as string[][]) {
  found = { error: "no command" };
  said = "";
  try {
    await program.parseAsync(line, { from: "user" });
  } catch (failure) {
    const { code } = failure as { code?: string };
    const asked = code === "commander.helpDisplayed" || code === "commander.help" ||
      code === "commander.version";
    found = asked ? { command: "", arguments: [], options: {} } : { error: said.trim() || String(failure) };
  }
  answers.push(found);
}
stdout.write(JSON.stringify(answers));
exit(0);
