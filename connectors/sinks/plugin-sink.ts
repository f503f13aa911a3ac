/** Sinks of plugins: what they give is checked, since the record of a run and its resume rely on it. */

import { show } from "../../src/model/errors.ts";
import type { PluginSink } from "../../src/model/plugin.ts";
import type { ModelSink, OpenSink, Sink, WrittenFile } from "../../src/model/ports.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { inOrder } from "./order.ts";

/**
 * A plugin's sink, guarded as ours are. It is told of its own files only, and those that it writes carry its name.
 *
 * Rejects with a `TypeError` that names the sink where what `open`, `begin`, `commit`, `holds` or `sources` give is not what `Sink` says.
 */
export function pluginSink(plugin: PluginSink): OpenSink {
  const { name } = plugin;
  const own = (files: readonly WrittenFile[]) => files.filter(({ sink }) => sink === name);
  return async (run) => {
    const sink = await plugin.open(run);
    requireMethods(`${name} sink: open()`, sink, ["begin", "finish", "abort"]);
    const { holds, sources } = sink;
    return inOrder({
      name,
      async begin(model, before = []) {
        const opened = await sink.begin(model, own(before));
        requireMethods(`${name} sink: begin()`, opened, ["write", "commit", "abort"]);
        return named(name, opened);
      },
      ...holds === undefined ? {} : {
        async holds(model) {
          const held: unknown = await holds.call(sink, { ...model, files: own(model.files) });
          return typeof held === "boolean" ? held : refuse(name, "holds", held, "true or false");
        },
      },
      ...sources === undefined ? {} : {
        async sources(ids) {
          const found: unknown = await sources.call(sink, ids);
          return isTexts(found) ? found : refuse(name, "sources", found, "a Map of texts by text");
        },
      },
      finish: (signal) => sink.finish(signal),
      abort: () => sink.abort(),
    });
  };
}

/** A model's sink whose files are checked and carry the sink's name. */
function named(name: string, sink: ModelSink): ModelSink {
  return {
    write: (table, batch) => sink.write(table, batch),
    async commit() {
      const files: unknown = await sink.commit();
      const list = Array.isArray(files) ? files as readonly unknown[] : [files];
      const required = "an array of {path, table, rows, bytes, sha256}, " +
        `each once, its path below ${name}/, its counts whole numbers from 0, its digest 64 hex digits`;
      const paths = new Set<string>();
      return list.map((file) => {
        if (!isFileOf(name, file) || paths.has(file.path)) return refuse(name, "commit", file, required);
        paths.add(file.path);
        return { ...file, sink: name };
      });
    },
    abort: () => sink.abort(),
  };
}

function isFileOf(name: string, value: unknown): value is WrittenFile {
  const { path, table, rows, bytes, sha256 } = (value ?? {}) as Readonly<Record<keyof WrittenFile, unknown>>;
  const isCount = (count: unknown) => Number.isSafeInteger(count) && Number(count) >= 0;
  return typeof path === "string" && path.startsWith(`${name}/`) && !/[\\\0]/.test(path) &&
    !path.split("/").some((part) => ["", ".", ".."].includes(part)) &&
    (TABLE_NAMES as readonly unknown[]).includes(table) && isCount(rows) && isCount(bytes) &&
    typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
}

function isTexts(value: unknown): value is ReadonlyMap<string, string> {
  return value instanceof Map && [...value].flat().every((each) => typeof each === "string");
}

function refuse(name: string, method: string, found: unknown, required: string): never {
  throw new TypeError(`${name} sink: ${method}(): found ${show(found)}, required ${required}`);
}

function requireMethods(what: string, value: ModelSink | Sink, methods: readonly string[]): void {
  const given: unknown = value;
  const found = (given ?? {}) as Readonly<Record<string, unknown>>;
  const missing = methods.find((method) => typeof found[method] !== "function");
  if (missing === undefined) return;
  throw new TypeError(`${what}: found no function ${missing}, required ${methods.join(", ")}`);
}
