/**
 * PyTorch's exported programs (`torch.export.save`): a zip archive with a graph of operators as JSON, and weights. The graph
 * says who feeds whom; nothing of the file is ever run.
 */

import { show } from "../../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { digestFile } from "../digest.ts";
import type { ZipEntry } from "../zip/entry.ts";
import { isZip, openZip, type ZipArchive } from "../zip/zip.ts";
import { readText } from "./json.ts";
import { programOf } from "./program.ts";
import { checkpointTensors, type ExportedTensor, rawTensors } from "./tensors.ts";
import { walkProgram } from "./walk.ts";

/** Reads `.pt2` files. */
export const pt2: SourceFormat = {
  name: "pt2",
  extensions: [".pt2"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      return await modelOf(path, id, source, signal);
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

async function modelOf(path: string, id: string, source: ByteSource, signal?: AbortSignal): Promise<Model> {
  const head = await source.slice(0, Math.min(4, source.size), signal);
  if (!isZip(head)) {
    throw new SyntaxError(
      `${path}: found ${
        show(new TextDecoder("latin1").decode(head))
      } at byte 0, required a zip archive that torch.export.save wrote`,
    );
  }
  const archive = await openZip(path, source, signal);
  const { json, tables, checkpoints } = entriesOf(path, archive);
  const tensors = new Map<string, ExportedTensor>();
  const add = (found: readonly ExportedTensor[]) => {
    for (const each of found) if (!tensors.has(each.info.name)) tensors.set(each.info.name, each);
  };
  for (const entry of tables) add(await rawTensors(path, archive, entry, signal));
  for (const entry of checkpoints) add(await checkpointTensors(path, archive, entry, signal));
  const place = `${path}: ${show(json.name)}`;
  const program = programOf(place, await readText(place, archive, json, signal));
  const infos = new Map(Array.from(tensors, ([name, { info }]) => [name, info]));
  return {
    id,
    uri: path,
    format: "pt2",
    tensors: [...infos.values()],
    metadata: new Map(),
    moduleOrder: true,
    operators: walkProgram(place, program, infos),
    async read(name, signal) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) return await tensor.read(signal);
      throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${tensors.size}`);
    },
    inputs: async (signal, _, known) => [await digestFile(path, source, { signal, known })],
    close: () => source.close(),
  };
}

interface Entries {
  readonly json: ZipEntry;
  /** Where raw tensors lie: newer archives. */
  readonly tables: readonly ZipEntry[];
  /** Of `torch.save`: older archives, weights before constants. */
  readonly checkpoints: readonly ZipEntry[];
}

/** Where things lie: versions 2.5 to 2.7 of torch write at the top, 2.8 checkpoints in folders, later ones raw numbers. */
function entriesOf(path: string, { entries }: ZipArchive): Entries {
  const all = [...entries.values()];
  const flat = entries.get("serialized_exported_program.json");
  const programs = flat !== undefined
    ? [flat]
    : all.filter(({ name }) => /^(?:[^/]+\/)?models\/[^/]+\.json$/.test(name));
  const [json] = programs;
  if (json === undefined || programs.length > 1) {
    const names = programs.map(({ name }) => show(name)).join(", ");
    throw new SyntaxError(
      `${path}: found ${
        programs.length === 0 ? "no program" : `programs ${names}`
      } in the zip archive, required ` +
        `models/model.json or serialized_exported_program.json, one of them`,
    );
  }
  const model = /([^/]+)\.json$/.exec(json.name)![1]!;
  const root = /^[^/]+\/(?=models\/)/.exec(json.name)?.[0] ?? "";
  const at = (...names: readonly string[]) => names.flatMap((name) => entries.get(name) ?? []);
  const data = `${root}data`;
  return flat !== undefined
    ? { json, tables: [], checkpoints: at("serialized_state_dict.pt", "serialized_constants.pt") }
    : {
      json,
      tables: at(
        `${data}/weights/${model}_weights_config.json`,
        `${data}/constants/${model}_constants_config.json`,
      ),
      checkpoints: at(`${data}/weights/${model}.pt`, `${data}/constants/${model}.pt`),
    };
}
