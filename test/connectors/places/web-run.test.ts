import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../../src/run/run-pipeline.ts";
import { describeWithShared, shared } from "../../support/shared.ts";
import { models } from "./collection-fixture.ts";
import { Environment } from "./environment.ts";
import { FileServer } from "./server.ts";
import { difference } from "./tables.ts";

/** What a run may fetch beyond what it needs: so much of that, and for each file the first request. */
const SHARE = 1.05, FIRST = 64 * 1024;

let environment: Environment;
let server: FileServer;
let count = 0;
beforeAll(async () => {
  environment = await Environment.begin();
  server = await FileServer.start();
});
afterAll(async () => {
  await server.stop();
  await environment.end();
});

const settings = {
  graph: "none" as const,
  sinks: ["parquet" as const],
  edges: "all" as const,
  kernel: "wasm" as const,
};
const done = async (place: string) =>
  await run({ ...settings, models: place, out: join(environment.folder, `out-${count++}`) });

describe("a run of models on the web", async () => {
  for (const [name, files] of await models()) {
    it(`leaves the rows that a local one leaves: ${name}`, async () => {
      const [path] = [...files.keys()];
      for (const [each, bytes] of files) {
        server.files.set(each, bytes);
        await mkdir(join(environment.folder, dirname(each)), { recursive: true });
        await writeFile(join(environment.folder, each), bytes);
      }
      const local = await done(join(environment.folder, path!));
      server.served.length = 0;
      const remote = await done(`${server.origin}${encodeURI(path!)}`);
      expect(remote.record.models.map(({ id }) => id)).toEqual(local.record.models.map(({ id }) => id));
      expect(remote.report.models[0]?.warnings).toEqual(local.report.models[0]?.warnings);
      const compared = await difference(local.out, remote.out);
      expect(compared["edges"]?.[0]).toBeGreaterThan(0);
      for (const [table, [, lacking, additional]] of Object.entries(compared)) {
        expect([table, lacking, additional]).toEqual([table, 0, 0]);
      }
      // The files were of one piece each: nothing was fetched twice.
      const sizes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
      expect(server.bytes()).toBeLessThanOrEqual(sizes);
      const inputs = remote.record.models[0]!.inputs;
      expect(inputs.every(({ path, etag }) => path.startsWith(server.origin) && etag !== undefined)).toBe(
        true,
      );
      expect(inputs.length).toBe(local.record.models[0]!.inputs.length);
    });
  }

  it("fetches nothing but the header and what it needs: a tenth of a file", async () => {
    const file = server.files.get("/own/trained net.safetensors")!;
    // The same layers, and nine times as much that no layer is made of.
    const { safetensors, LAYERS } = await import("./collection-fixture.ts");
    const junk = Array.from({ length: 9 }, (_, at) => ({
      name: `history.${at}`,
      dtype: "F32",
      shape: [file.length / 4 | 0],
      values: new Array<number>(file.length / 4 | 0).fill(at),
    }));
    const large = safetensors([...junk.slice(0, 4), ...LAYERS, ...junk.slice(4)]);
    server.files.set("/part/large.safetensors", large);
    server.served.length = 0;
    const { record } = await done(`${server.origin}/part/large.safetensors`);
    const [input] = record.models[0]!.inputs;
    expect(input!.digested).toBeLessThan(large.length / 8);
    expect(server.bytes("large")).toBeLessThanOrEqual(input!.digested! * SHARE + FIRST);
  });

  it("fetches nothing again where nothing has changed, and does nothing either", async () => {
    const place = `${server.origin}/pt/net.pt`;
    const out = join(environment.folder, "again");
    await run({ ...settings, models: place, out });
    server.served.length = 0;
    const { record } = await run({ ...settings, models: place, out });
    expect(server.bytes()).toBe(0);
    expect(server.served.filter(({ path }) => path === "/pt/net.pt").map(({ status }) => status)).toEqual(
      expect.arrayContaining([304]),
    );
    expect(record.counts.up_to_date).toBe(1);
  });

  it("does nothing again where an address was signed anew", async () => {
    const out = join(environment.folder, "signed");
    const settled = async (signature: string) => {
      server.served.length = 0;
      const models = `${server.origin}/pt/net.pt?X-Amz-Expires=60&X-Amz-Signature=${signature}`;
      return (await run({ ...settings, models, out })).record;
    };
    const first = await settled("5ecret");
    const { models: [model], counts } = await settled("an0ther");
    expect(counts.up_to_date).toBe(1);
    expect(model!.uri).toBe(first.models[0]!.uri);
    expect(server.bytes()).toBe(0);
    expect(server.served.map(({ query }) => query).join()).toMatch(/an0ther/);
    expect(server.served.map(({ query }) => query).join()).not.toMatch(/5ecret/);
    for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      expect(bytes.includes("5ecret") || bytes.includes("an0ther"), entry.name).toBe(false);
    }
  });

  it("writes no query of an address down", async () => {
    const secret = "X-Amz-Signature=5ecret5ecret";
    const place = `${server.origin}/pt/net.pt?${secret}`;
    server.served.length = 0;
    const { record, report } = await done(place);
    expect(server.served.find(({ path, status }) => path === "/pt/net.pt" && status !== 404)?.query).toBe(
      `?${secret}`,
    );
    expect(JSON.stringify([record, report])).not.toContain("5ecret");
    await expect(done(`${server.origin}/gone.pt?${secret}`)).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("5ecret") as string }),
    );
    await expect(done(server.origin.replace("//", "//user:5ecret@"))).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+: found a user or password in the address, required an address without them$/,
    );
  });

  it("lets no file of a model lead elsewhere", async () => {
    const { onnxWithData } = await import("./collection-fixture.ts");
    for (
      const location of [
        "../pt/net.pt",
        `${server.origin}/pt/net.pt`,
        "//127.0.0.1/x",
        "./x",
      ]
    ) {
      for (const [path, bytes] of onnxWithData("/away", location)) server.files.set(path, bytes);
      server.served.length = 0;
      await expect(done(`${server.origin}/away/net.onnx`)).rejects.toThrow(
        /required a file in (the model's own|its) folder/,
      );
      expect(server.served.filter(({ path }) => !path.startsWith("/away/"))).toEqual([]);
    }
  });

  it("fails for one model and goes on with the others", async () => {
    const gone = await FileServer.start();
    const dead = `${gone.origin}/other.pt`;
    await gone.stop();
    const places = [
      `${server.origin}/pt/gone.pt`,
      `${server.origin}/pt/net.pt`,
      dead,
    ];
    const { record } = await run({ ...settings, models: places, out: join(environment.folder, "some") });
    expect(record.models.map(({ uri }) => uri)).toEqual([places[1]]);
    expect(record.failed.map(({ error }) => error)).toEqual([
      expect.stringMatching(/gone\.pt: found no such file \(404\), required a file that can be read$/),
      expect.stringMatching(
        /other\.[^:]*: found no connection to 127\.0\.0\.1:\d+ \(ECONNREFUSED\), after 3 attempts in .* s, required a host that can be reached \(offline\?\)$/,
      ),
    ]);
  });
});

const LARGE = ["vgg16s/epoch-016.f16.safetensors", "vgg16s-bn/final.onnx", "tiny-llama/model.safetensors"];

describeWithShared("real models on the web", LARGE.map((path) => `our-models/${path}`), () => {
  it.each(LARGE)("are fetched once: %s", async (path) => {
    const { origin, stop, bytes } = await FileServer.start(shared("our-models")).then((own) => ({
      origin: own.origin,
      stop: () => own.stop(),
      bytes: () => own.bytes(),
    }));
    try {
      const few = async (models: string) =>
        await run({
          ...settings,
          models,
          edges: "significant",
          rank: 8,
          out: join(environment.folder, `out-${count++}`),
        });
      const local = await few(shared(`our-models/${path}`));
      const remote = await few(`${origin}/${path}`);
      for (
        const [table, [rows, lacking, additional]] of Object.entries(await difference(local.out, remote.out))
      ) {
        expect([table, rows > 0 || table === "skipped", lacking, additional]).toEqual([table, true, 0, 0]);
      }
      const needed = remote.record.models[0]!.inputs.reduce(
        (sum, each) => sum + (each.digested ?? each.bytes),
        0,
      );
      expect(bytes()).toBeLessThanOrEqual(needed * SHARE);
    } finally {
      await stop();
    }
  }, 300_000);
});
