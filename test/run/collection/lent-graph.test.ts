/** A graph that one file lends to another: by names, by shapes, by numbers, and what is said where that fails. */

import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { formatOf, FORMATS } from "../../../connectors/sources/registry.ts";
import { withLentGraph } from "../../../src/run/collection/lent-graph.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { isInferable } from "../../../src/run/inferred-layers.ts";
import { type Inspection, inspectModel } from "../../../src/run/inspect.ts";
import { layerSettings } from "../../../src/run/layer-settings.ts";
import { svr } from "../../integration/svr.ts";
import { node, value, weight, writeOnnx } from "../../support/files/onnx-file.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

const golden = (name: string) => fileURLToPath(new URL(`../../golden/files/export/${name}`, import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-lent-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @param models a model, or an entry of a config */
async function inspected(models: unknown, topology?: unknown): Promise<Inspection> {
  const { config } = runConfigOf({
    models,
    out: join(folder, "out"),
    ...topology === undefined ? {} : { topology },
  });
  const [planned] = await planModels(config, folder);
  return await inspectModel(planned!, layerSettings(config));
}

const said = ({ connections }: Inspection) =>
  connections.map(({ from, to, via, map }) => ({ from, to, via, map }));

type Written = Parameters<typeof writeTensors>[1][number];

/** The tensors of a state dict, changed one by one; null leaves one out. */
async function rewritten(
  network: string,
  name: string,
  change: (tensor: Written, at: number) => Written | null,
): Promise<string> {
  const path = golden(`${network}/state.pt`);
  const model = await (await formatOf(path)).open(path, "state");
  const tensors: Written[] = [];
  for (const [at, { name, shape }] of model.tensors.entries()) {
    const changed = change([name, shape, await model.read(name)], at);
    if (changed !== null) tensors.push(changed);
  }
  await model.close();
  const out = join(folder, `${name}.safetensors`);
  await writeTensors(out, tensors);
  return out;
}

/** The names that `rewritten` gave, by the names they had. */
const renamed = (names: ReadonlyMap<string, string>, told: Inspection) =>
  said(told).map((each) => ({ ...each, from: names.get(each.from), to: names.get(each.to) }));

describe("a lent graph", () => {
  it.each(["residual", "block", "unet", "mlp"])(
    "%s: a state dict has the connections of its export",
    async (network) => {
      for (const file of ["graph.onnx", "torch-2.11.pt2"]) {
        const [own, lent] = [
          await inspected(golden(`${network}/state.pt`), golden(`${network}/${file}`)),
          await inspected(golden(`${network}/${file}`)),
        ];
        expect(said(own)).toEqual(said(lent));
        expect(own.connections.length).toBeGreaterThan(1);
        expect(new Set([...own.connections, ...own.layers].map(({ evidence }) => evidence))).toEqual(
          new Set(["declared"]),
        );
        expect(own.warnings).toEqual([]);
      }
    },
  );

  it("finds layers by names that have something before them", async () => {
    const path = await rewritten("unet", "prefixed", ([name, ...rest]) => [`net.model.${name}`, ...rest]);
    const own = await inspected(path, golden("unet/graph.onnx"));
    const lent = await inspected(golden("unet/graph.onnx"));
    expect(said(own).map(({ from, to }) => [from, to])).toEqual(
      said(lent).map(({ from, to }) => [`net.model.${from}`, `net.model.${to}`]),
    );
  });

  it("finds layers by their numbers where names say nothing, also those of another epoch, and turned", async () => {
    const names = new Map<string, string>();
    const path = await rewritten("block", "shuffled", ([name, shape, values], at) => {
      const drift = noise(values.length, at + 1);
      const moved = Array.from(values, (value, i) => value + 0.1 * drift[i]!);
      const [rows = 0, columns = 0] = shape;
      names.set(name.replace(/\.weight$/, ""), `p${at}`);
      // Square matrices too are turned, so that their shape says nothing.
      return shape.length === 2 && name !== "embedding.weight"
        ? [`p${at}`, [columns, rows], moved.map((_, i) => moved[i % rows * columns + Math.floor(i / rows)]!)]
        : [`p${at}`, shape, moved];
    });
    const own = await inspected(path, golden("block/torch-2.8.pt2"));
    const lent = await inspected(golden("block/torch-2.8.pt2"));
    expect(said(own)).toEqual(renamed(names, lent));
    expect(own.warnings.join("\n")).toMatch(
      /of 6 layers of the graph that .* lends are found by their numbers/,
    );
  });

  it("reads one tensor after another", async () => {
    const path = await rewritten("residual", "alone", ([_, shape, values], at) => [`q${at}`, shape, values]);
    const model = await (await formatOf(path)).open(path, "alone");
    let [reading, most] = [0, 0];
    const read: typeof model.read = async (name, signal) => {
      most = Math.max(most, ++reading);
      try {
        return await model.read(name, signal);
      } finally {
        reading--;
      }
    };
    const lent = await withLentGraph({ ...model, read }, golden("residual/graph.onnx"), FORMATS);
    expect(lent.graph?.warnings.join("\n")).toMatch(/found by their numbers/);
    await lent.close();
    expect(most).toBe(1);
  });

  it("leaves out what it does not find, with the reason", async () => {
    const path = await rewritten(
      "residual",
      "partly",
      (tensor) => tensor[0] === "pointwise.weight" ? null : tensor,
    );
    const own = await inspected(path, golden("residual/graph.onnx"));
    expect(own.layers.map(({ name }) => name)).not.toContain("pointwise");
    expect(own.skipped.filter(({ subject }) => subject === "layer").map(({ name }) => name)).toEqual([
      "pointwise",
    ]);
    expect(
      own.skipped.filter(({ reason }) => /"pointwise" has no twin here/.test(reason)).map(({ name }) => name),
    )
      .toEqual(["depthwise -> pointwise", "pointwise -> grouped"]);
    expect(own.warnings.join("\n")).toMatch(
      /1 of 10 layers of the graph that .* lends are not found, the first pointwise/,
    );
  });

  it("gives unrelated weights of one shape no twin", async () => {
    const path = await rewritten(
      "residual",
      "unrelated",
      ([_, shape, values], at) => [`p${at}`, shape, noise(values.length, at + 1)],
    );
    const own = await inspected(path, golden("residual/graph.onnx"));
    // Three convolutions are 6 x 6 x 3 x 3: which is which nothing says.
    expect(own.skipped.filter(({ subject }) => subject === "layer")).toHaveLength(2);
    expect(own.warnings.join("\n")).toMatch(/found by their shape alone/);
  });

  it("gives a few numbers no twin by chance, and the same numbers theirs", async () => {
    const lender = join(folder, "few.onnx");
    const own = (seed: number) => [1, 2, 3].map((at) => noise(16, 10 * seed + at));
    await writeOnnx(
      lender,
      value(11, "x0", [1, 4]),
      ...own(1).flatMap((values, at) => [
        weight(`w${at}`, [4, 4], values),
        node("MatMul", [`x${at}`, `w${at}`], [`x${at + 1}`]),
      ]),
      value(12, "x3", [1, 4]),
    );
    const found: number[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const path = join(folder, `few-${seed}.safetensors`);
      await writeTensors(path, own(seed).map((values, at): Written => [`p${at}`, [4, 4], values]));
      found.push((await inspected(path, lender)).layers.length);
    }
    expect(found).toEqual([3, ...Array.from({ length: 11 }, () => 0)]);
  });

  it("is named in a config, or in a file beside the model, from the folder of that file", async () => {
    await copyFile(golden("mlp/state.pt"), join(folder, "epoch-1.pt"));
    await copyFile(golden("mlp/graph.onnx"), join(folder, "export.onnx"));
    const named = await inspected({ path: "epoch-1.pt", topology: { from: "export.onnx" } });
    await writeFile(join(folder, "epoch-1.topology.yaml"), "from: export.onnx\n");
    const beside = await inspected(join(folder, "epoch-1.pt"));
    const lent = await inspected(golden("mlp/graph.onnx"));
    expect(said(named)).toEqual(said(lent));
    expect(said(beside)).toEqual(said(lent));
  });

  it("is refused where the file has none, is not there, or stands beside a declaration", async () => {
    const state = golden("mlp/state.pt");
    const none = await svr(["inspect", state, "--topology", state]);
    expect(none.code).not.toBe(0);
    expect(none.stderr).toMatch(
      /from: .*state\.pt: found no graph in it, required a model that says who feeds whom/,
    );
    const absent = await svr(["inspect", state, "--topology", join(folder, "nothing.onnx")]);
    expect(absent.code).not.toBe(0);
    expect(absent.stderr).toContain("nothing.onnx");
    const both = join(folder, "both.yaml");
    await writeFile(both, "from: export.onnx\nchain: [fc1, fc2]\n");
    const refused = await svr(["inspect", state, "--topology", both]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/from alone, or chain, layers and connections/);
  });

  it("is the user's word, whatever the weights would say", async () => {
    const model = await formatOf(golden("mlp/state.pt")).then((format) =>
      format.open(golden("mlp/state.pt"), "m")
    );
    const lent = await withLentGraph(model, golden("mlp/graph.onnx"), FORMATS);
    expect(isInferable(model, {}, true)).toBe(true);
    expect(isInferable(lent, {}, true)).toBe(false);
    await lent.close();
  });

  it("is part of what a run reads: another export, other results", async () => {
    const out = join(folder, "out");
    const { code, stdout } = await svr([
      "run",
      join(folder, "epoch-1.pt"),
      "--out",
      out,
      "--graph",
      "none",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(stdout).not.toContain("guessed");
    const record = await import(join(out, "run.json"), { with: { type: "json" } }) as { default: unknown };
    expect(JSON.stringify(record.default)).toContain("export.onnx");
  });
});
