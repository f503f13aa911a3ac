import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { resolveModels } from "../../../connectors/sources/collection.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import { LAYERS, onnxWithData, safetensors, shards } from "./collection-fixture.ts";
import { Environment } from "./environment.ts";
import { FileServer } from "./server.ts";
import { difference } from "./tables.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const TOKEN = "hf_5ecret5ecret";

/** What the hub keeps, as its pages are addressed. */
const FILES = new Map<string, Uint8Array>([
  ...shards("/big"),
  ...onnxWithData("/onnx"),
  ["/model.safetensors", safetensors(LAYERS)],
  ["/pytorch_model.bin", Buffer.from("its twin")],
  ["/tf_model.h5", Buffer.from("another")],
  ["/config.json", Buffer.from('{"model_type":"none of ours"}')],
  ["/README.md", Buffer.from("# A model\n")],
]);

/** Questions to the hub's interface, with their answers; files are on another server, as behind the real one. */
class Hub {
  readonly asked: { readonly url: string; readonly token: string | undefined }[] = [];
  /** Statuses that the next answers have. */
  failing: number[] = [];
  readonly #server: Server;
  readonly store: FileServer;

  constructor(store: FileServer) {
    this.store = store;
    this.#server = createServer((request, response) => {
      const url = request.url ?? "";
      this.asked.push({ url, token: request.headers.authorization });
      const json = (value: unknown, headers: Record<string, string> = {}) =>
        response.writeHead(200, { "content-type": "application/json", ...headers }).end(
          JSON.stringify(value),
        );
      const status = this.failing.shift();
      if (status !== undefined) return void response.writeHead(status).end("{}");
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return void response.writeHead(401).end();
      const [, revision] = /^\/api\/models\/org\/net\/revision\/([^?]+)/.exec(url) ?? [];
      if (revision !== undefined) {
        return void (["main", "v1", "refs%2Fpr%2F1"].includes(revision)
          ? json({ _id: "1", id: "org/net", sha: COMMIT, lastModified: "2026-11-24T00:00:00Z" })
          : response.writeHead(404).end());
      }
      if (url.startsWith(`/api/models/org/net/tree/${COMMIT}?`)) {
        const all = [...FILES].map(([path, { length }]) => ({
          type: "file",
          path: path.slice(1),
          size: length,
          oid: "0",
        }));
        const second = url.includes("cursor=2");
        const link = `<${this.origin}/api/models/org/net/tree/${COMMIT}?recursive=true&cursor=2>; rel="next"`;
        return void json(second ? all.slice(3) : all.slice(0, 3), second ? {} : { link });
      }
      const [, path] = new RegExp(`^/org/net/resolve/${COMMIT}(/.*)$`).exec(url) ?? [];
      if (path === undefined || !FILES.has(decodeURIComponent(path))) {
        return void response.writeHead(404).end();
      }
      response.writeHead(302, { location: `${store.origin}${path}?X-Signature=5ecret` }).end();
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.store.stop();
  }
}

let environment: Environment;
let hub: Hub;
beforeAll(async () => {
  environment = await Environment.begin();
  const store = await FileServer.start();
  for (const [path, bytes] of FILES) store.files.set(path, bytes);
  hub = new Hub(store);
  await hub.start();
  environment.set("HF_ENDPOINT", hub.origin);
  environment.set("HF_TOKEN", TOKEN);
});
beforeEach(() => {
  hub.asked.length = 0;
  hub.store.served.length = 0;
  hub.failing = [];
});
afterAll(async () => {
  await hub.stop();
  await environment.end();
});

const found = async (place: string) => (await resolveModels(place, "/")).map(({ id, path }) => [id, path]);

describe("models of a hub", () => {
  it("are pinned to a commit, without the twins of safetensors", async () => {
    expect(await found("hub:org/net")).toEqual([
      ["org/net/big/model", `hub:org/net@${COMMIT}/big/model.safetensors.index.json`],
      ["org/net/model", `hub:org/net@${COMMIT}/model.safetensors`],
      ["org/net/onnx/net", `hub:org/net@${COMMIT}/onnx/net.onnx`],
    ]);
  });

  it.each([
    ["hub:org/net@v1/model.safetensors", [["org/net@v1/model", `hub:org/net@${COMMIT}/model.safetensors`]]],
    ["hub:org/net@refs%2Fpr%2F1/onnx", [["net", `hub:org/net@${COMMIT}/onnx/net.onnx`]]],
    [`hub:org/net@${COMMIT}/big`, [[
      "org/net/big/model",
      `hub:org/net@${COMMIT}/big/model.safetensors.index.json`,
    ]]],
    ["hub:org/net/pytorch_model.bin", [["org/net/pytorch_model", `hub:org/net@${COMMIT}/pytorch_model.bin`]]],
  ])("are found by %s", async (place, models) => {
    expect(await found(place)).toEqual(models);
  });

  it("leave the rows that local ones leave, and nothing of the token", async () => {
    for (const [path, bytes] of FILES) {
      await mkdir(join(environment.folder, "org/net", dirname(path)), { recursive: true });
      await writeFile(join(environment.folder, "org/net", path), bytes);
    }
    const settings = {
      graph: "none" as const,
      sinks: ["parquet" as const],
      edges: "all" as const,
      kernel: "wasm" as const,
    };
    const paths = ["model.safetensors", "big/model.safetensors.index.json", "onnx/net.onnx"];
    const ids = ["org/net/model", "org/net/big/model", "org/net/onnx/net"];
    const local = await run({
      ...settings,
      models: paths.map((path, at) => ({ path: join(environment.folder, "org/net", path), id: ids[at]! })),
      out: join(environment.folder, "local"),
    });
    hub.store.served.length = 0;
    const remote = await run({ ...settings, models: "hub:org/net", out: join(environment.folder, "remote") });
    const compared = await difference(local.out, remote.out);
    expect(compared["edges"]?.[0]).toBeGreaterThan(1000);
    for (const [table, [, lacking, additional]] of Object.entries(compared)) {
      expect([table, lacking, additional]).toEqual([table, 0, 0]);
    }
    expect(JSON.stringify([remote.record, remote.report])).not.toContain("5ecret");
    expect(remote.record.models[0]!.inputs.every(({ revision }) => revision === COMMIT)).toBe(true);
    // The hub hears the token, the store behind it does not.
    expect(hub.asked.every(({ token }) => token === `Bearer ${TOKEN}`)).toBe(true);
    expect(hub.store.served.every(({ authorization }) => authorization === undefined)).toBe(true);
    const needed = remote.record.models.flatMap(({ inputs }) => inputs).reduce(
      (sum, { bytes }) => sum + bytes,
      0,
    );
    expect(hub.store.bytes()).toBeLessThanOrEqual(needed * 1.05);
  });

  it("outlast a busy hub", async () => {
    hub.failing = [503, 429];
    expect((await found("hub:org/net@v1/model.safetensors")).length).toBe(1);
  });

  it.each([
    [
      "hub:org/net@gone",
      /^hub:org\/net@gone: found an answer of 404, required a repository and revision that exist/,
    ],
    ["hub:org/net/gone", /^hub:org\/net\/gone: found no such file or folder/],
    ["hub:", /found no repository in it, required hub:org\/name@revision/],
    ["hub:../../etc", /found no repository in it/],
  ])("are missed where they are missing: %s", async (place, says) => {
    await expect(found(place)).rejects.toThrow(says);
  });

  it("are not had without a token, and one that is none is not repeated", async () => {
    const own = new Environment();
    own.set("HF_TOKEN", undefined);
    await expect(found("hub:org/net")).rejects.toThrow(/found an answer of 401, required .*\(HF_TOKEN\?\)/);
    own.set("HF_TOKEN", "5ecret");
    const message = await found("hub:org/net").then(() => "", String);
    expect(message).toContain("hf_");
    expect(message).not.toContain("5ecret");
    await own.end();
  });
});
