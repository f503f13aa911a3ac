/** The sinks of a run, opened one after another and ended together. */

import type { RunConfig } from "../../config/schema.ts";
import { pluginSink } from "../../connectors/sinks/plugin-sink.ts";
import { type SinkName, SINKS } from "../../connectors/sinks/registry.ts";
import type { PluginSink } from "../model/plugin.ts";
import type { RunHeader, Sink } from "../model/ports.ts";
import type { ModelPlace } from "./collection/id-conflicts.ts";
import { serverChoices } from "../query/server-options.ts";

/** The sinks that a config asks for, and those of plugins. */
export class OpenSinks {
  readonly all: Sink[] = [];
  readonly #run: RunHeader;

  constructor(run: RunHeader) {
    this.#run = run;
  }

  /** @throws what the first sink that cannot be opened throws; those before it are to be aborted */
  async open(config: RunConfig, plugins: readonly PluginSink[]): Promise<void> {
    const graphs = { embedded: ["ladybug"], neo4j: ["neo4j"], none: [] } as const;
    const names: SinkName[] = [...config.sinks, ...graphs[config.graph]];
    const choices = {
      ...config.graph === "neo4j" ? { neo4j: serverChoices(config.neo4j) } : {},
      parquet: {
        ...config.lake === undefined ? {} : { lake: config.lake },
        ...config.lakeTables === undefined ? {} : { tables: config.lakeTables },
      },
    };
    // Before ours: where a plugin's fails to commit a model, none of ours has committed it.
    for (const plugin of plugins) this.all.push(await pluginSink(plugin)(this.#run));
    for (const name of new Set(names)) this.all.push(await (await SINKS[name](choices))(this.#run));
  }

  /** Where models may stand already, under ids of the run's: all but the output folder's own records. */
  places(config: RunConfig): ModelPlace[] {
    const names: Readonly<Record<string, string>> = {
      parquet: `lake ${config.lake ?? this.#run.out}`,
      ladybug: `graph of ${this.#run.out}`,
      neo4j: "graph server",
    };
    return this.all.map((sink) => ({
      name: names[sink.name] ?? sink.name,
      sources: async (models) => await sink.sources?.(models.map(({ id }) => id)) ?? new Map(),
    }));
  }

  async finish(signal?: AbortSignal): Promise<void> {
    for (const sink of this.all) await sink.finish(signal);
  }

  async abort(): Promise<void> {
    await Promise.allSettled(this.all.map((sink) => sink.abort()));
  }
}
