/** `svr check`: whether a config can be run, without running it. */

import type { Command } from "commander";
import { stderr } from "node:process";
import { messageOf } from "../model/errors.ts";
import { printable } from "../report/text.ts";

/** How a topology file beside a model is called. */
const TOPOLOGY = /\.topology\.(?:ya?ml|json)$/i;

/** Adds the command. @param leave ends the process with a code: 2 where something is wrong */
export function addCheckCommand(
  program: Command,
  write: (text: string) => void,
  leave: (code: number) => Promise<never>,
  signal: AbortSignal,
): void {
  program.command("check")
    .description(
      "whether a config is valid, its models are there and their topologies fit them; nothing is computed. Exit code 2 if not",
    )
    .argument("<file>", "config.yaml, or <model>.topology.yaml, which is checked by itself")
    .action(async (file: string) => {
      const wrong: string[] = [];
      const said = TOPOLOGY.test(file)
        ? await checkTopology(file, wrong)
        : await checkConfig(file, wrong, signal);
      for (const each of wrong) stderr.write(`svr: ${printable(each)}\n`);
      if (wrong.length === 0) write(`${printable(`${file}: ${said}`)}\n`);
      await leave(wrong.length === 0 ? 0 : 2);
    });
}

async function checkTopology(file: string, wrong: string[]): Promise<string> {
  const { loadTopology } = await import("../../config/load.ts");
  try {
    const { from, chain = [], layers = [], connections = [] } = await loadTopology(file);
    if (from !== undefined) return `a valid topology, the graph of ${from}`;
    const count = connections.length + Math.max(0, chain.length - 1);
    return `a valid topology, ${count} connections, ${layers.length} layers described`;
  } catch (failure) {
    wrong.push(messageOf(failure));
    return "";
  }
}

/** @param wrong takes all that is wrong, one sentence each */
async function checkConfig(file: string, wrong: string[], signal: AbortSignal): Promise<string> {
  const { loadRunConfig } = await import("../../config/load.ts");
  const { planModels } = await import("../run/collection/models.ts");
  const { loadPlugins } = await import("../run/plugins.ts");
  const { inspectModel } = await import("../run/inspect.ts");
  const { layerSettings } = await import("../run/layer-settings.ts");
  const { weightOf } = await import("../run/settings.ts");
  let [layers, connections, guessed] = [0, 0, 0];
  try {
    const { config, baseDir } = await loadRunConfig(file);
    await weightOf(config);
    const { formats } = await loadPlugins({ config, baseDir });
    const planned = await planModels(config, baseDir, signal, undefined, formats);
    for (const model of planned) {
      try {
        const found = await inspectModel(model, layerSettings(config), signal);
        layers += found.layers.length;
        connections += found.connections.length;
        if (found.connections.some(({ evidence }) => evidence === "guessed")) guessed += 1;
      } catch (failure) {
        signal.throwIfAborted();
        wrong.push(`${model.id}: ${messageOf(failure)}`);
      }
    }
    const guesses = guessed === 0 ? "" : `; ${guessed} of the topologies guessed`;
    return `a valid config; models: ${planned.length}, layers: ${layers}, connections: ${connections}${guesses}`;
  } catch (failure) {
    signal.throwIfAborted();
    wrong.push(messageOf(failure));
    return "";
  }
}
