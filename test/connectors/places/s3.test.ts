import { createHash, createHmac } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPlace } from "../../../connectors/places/open.ts";
import { openBucket, parseS3 } from "../../../connectors/s3.ts";
import { resolveModels } from "../../../connectors/sources/collection.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import { BUCKET, inS3Environment, type S3Server, startS3 } from "../../support/s3-server.ts";
import { LAYERS, models, onnxWithData, safetensors, shards } from "./collection-fixture.ts";
import { Environment } from "./environment.ts";
import { FileServer } from "./server.ts";
import { difference } from "./tables.ts";

let environment: Environment;
let server: S3Server;
let restore = () => {};
const files = new Map<string, Uint8Array>([
  ...shards("/zoo/sharded"),
  ...onnxWithData("/zoo/onnx"),
  ["/zoo/run 1/epoch-2.safetensors", safetensors(LAYERS)],
  ["/zoo/run 1/epoch-10.safetensors", safetensors(LAYERS)],
  ["/zoo/run 1/epoch-10.topology.yaml", Buffer.from("chain: [layers.0, layers.1]\n")],
  ["/zoo/run 1/optimizer.pt", Buffer.from("no model")],
  ["/zoo/pt/ünlucky+100%.bin", Buffer.from("no model either")],
  ["/zoo/readme.md", Buffer.from("# Zoo\n")],
]);
beforeAll(async () => {
  environment = await Environment.begin();
  server = await startS3();
  restore = inS3Environment(server);
  const torch = (await models()).get("PyTorch's zip")!;
  files.set("/zoo/pt/net+1 (ü).pt", [...torch.values()][0]!);
  for (const [path, bytes] of files) {
    await server.client.putObject(path.slice(1), Uint8Array.from(bytes));
    await mkdir(join(environment.folder, dirname(path)), { recursive: true });
    await writeFile(join(environment.folder, path), bytes);
  }
});
afterAll(async () => {
  restore();
  await server.close();
  await environment.end();
});

const settings = {
  graph: "none" as const,
  sinks: ["parquet" as const],
  edges: "all" as const,
  kernel: "wasm" as const,
};

describe("models in a bucket", () => {
  it("are those of a folder, under the same ids, with the same rows", async () => {
    const local = await run({
      ...settings,
      models: join(environment.folder, "zoo"),
      out: join(environment.folder, "local"),
    });
    const remote = await run({
      ...settings,
      models: `s3://${BUCKET}/zoo/`,
      out: join(environment.folder, "remote"),
    });
    expect(remote.record.models.map(({ id }) => id)).toEqual(local.record.models.map(({ id }) => id));
    expect(local.record.models.map(({ id }) => id)).toEqual([
      "onnx/net",
      "pt/net+1 (ü)",
      "run 1/epoch-2",
      "run 1/epoch-10",
      "sharded/model",
    ]);
    const compared = await difference(local.out, remote.out);
    expect(compared["edges"]?.[0]).toBeGreaterThan(1000);
    for (const [table, [, lacking, additional]] of Object.entries(compared)) {
      expect([table, lacking, additional]).toEqual([table, 0, 0]);
    }
    const text = JSON.stringify([remote.record, remote.report]);
    expect(text).not.toMatch(/S3RVER|X-Amz|Signature/);
    expect(remote.record.models[0]!.inputs[0]).toMatchObject({
      path: `s3://${BUCKET}/zoo/onnx/net.onnx`,
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
    });
  });

  it.each([
    ["zoo/run 1/*.safetensors", ["run 1/epoch-2", "run 1/epoch-10"]],
    ["zoo/**/*.{pt,onnx}", ["onnx/net", "pt/net+1 (ü)"]],
    ["zoo/run 1", ["run 1/epoch-2", "run 1/epoch-10"]],
    ["zoo/run 1/epoch-10.safetensors", ["run 1/epoch-10"]],
    ["zoo/run ?/epoch-[0-9].safetensors", ["run 1/epoch-2"]],
  ])("are found by %s", async (key, ids) => {
    expect((await resolveModels(`s3://${BUCKET}/${key}`, "/")).map(({ id }) => id)).toEqual(ids);
  });

  it("say what is missing", async () => {
    await expect(resolveModels(`s3://${BUCKET}/nowhere/`, "/")).rejects.toThrow(
      /s3:\/\/test-lake\/nowhere\/: found no model/,
    );
    await expect(resolveModels("s3://no-such-bucket/x/", "/")).rejects.toThrow(
      /found an answer \(404 "NoSuchBucket"\) to its listing, required a bucket that may be listed/,
    );
    await expect(openPlace(`s3://${BUCKET}/zoo/gone.pt`)).rejects.toThrow(
      /zoo\/gone\.pt: found no such file \(404\)/,
    );
  });

  it("are noticed to have changed", async () => {
    const big = new Uint8Array(200_000).fill(1);
    await server.client.putObject("changing.bin", big);
    const source = await openPlace(`s3://${BUCKET}/changing.bin`);
    await server.client.putObject("changing.bin", big.fill(2));
    await expect(source.slice(100_000, 200_000)).rejects.toThrow(
      /changing\.bin: found it changed while it was read/,
    );
    await source.close();
  });

  it("do not tell the keys when they are refused", async () => {
    const own = new Environment();
    own.set("AWS_ACCESS_KEY_ID", "5ecret5ecret");
    try {
      const asked = [
        () => openPlace(`s3://${BUCKET}/zoo/readme.md`),
        () => resolveModels(`s3://${BUCKET}/zoo/`, "/"),
      ];
      for (const ask of asked) {
        const message = await ask().then(() => "", String);
        expect(message).toMatch(/found a refusal \(403/);
        expect(message).not.toMatch(/5ecret|S3RVER|X-Amz/);
      }
    } finally {
      await own.end();
    }
  });

  // s3rver does not check signatures of version 4.
  it("are asked for with the signature that Amazon's description gives", async () => {
    const own = new Environment();
    const web = await FileServer.start();
    const key = "a b/net+1 (ü)*'!~.pt";
    web.files.set(`/bucket/${key}`, new Uint8Array(10));
    own.set("AWS_ENDPOINT_URL", web.origin);
    own.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    own.set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    own.set("AWS_SESSION_TOKEN", "a/session+token==");
    own.set("AWS_REGION", "eu-central-1");
    try {
      const source = await openPlace(`s3://bucket/${key}`);
      await source.close();
      const query = new URLSearchParams(web.served.at(-1)!.query);
      const given = query.get("X-Amz-Signature");
      query.delete("X-Amz-Signature");
      expect(given).toBe(
        signature(new URL(web.origin).host, `/bucket/${key}`, query, process.env["AWS_SECRET_ACCESS_KEY"]!),
      );
      expect(query.get("X-Amz-Security-Token")).toBe("a/session+token==");
    } finally {
      await own.end();
      await web.stop();
    }
  });
});

/** Signature Version 4 of a request whose signature stands in its query, by the description. */
function signature(host: string, path: string, query: URLSearchParams, secret: string): string {
  const encoded = (text: string) =>
    [...new TextEncoder().encode(text)].map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    }).join("");
  const hmac = (key: Uint8Array | string, text: string) => createHmac("sha256", key).update(text).digest();
  const canonical = [
    "GET",
    path.split("/").map(encoded).join("/"),
    [...query].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort().join("&"),
    `host:${host}`,
    "",
    "host",
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const scope = query.get("X-Amz-Credential")!.split("/").slice(1);
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", query.get("X-Amz-Date"), scope.join("/"), digest].join("\n");
  const key = scope.reduce<Uint8Array | string>((key, part) => hmac(key, part), `AWS4${secret}`);
  return Buffer.from(hmac(key, text)).toString("hex");
}

describe("addresses of S3", () => {
  it.each([
    ["s3://bucket/a b/c%20d", "bucket", "a b/c%20d"],
    ["s3://my.bucket-1", "my.bucket-1", ""],
    ["s3://bucket/", "bucket", ""],
  ])("are taken apart: %s", (uri, bucket, key) => {
    expect(parseS3(uri)).toEqual({ bucket, key });
  });

  it.each([
    "s3://user:5ecret@bucket/key",
    "s3://bucket:9000/key",
    "s3:///key",
    "s3://UPPER/key",
    `s3://bucket/${"k".repeat(1025)}`,
  ])(
    "are refused without repeating them: %s",
    (uri) => {
      expect(() => parseS3(uri)).toThrow(SyntaxError);
      expect(() => parseS3(uri)).not.toThrow(/5ecret|kkkk/);
    },
  );

  it.each<[Record<string, string | undefined>, RegExp]>([
    [{ AWS_SECRET_ACCESS_KEY: undefined }, /found AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY/],
    [{ AWS_ACCESS_KEY_ID: "ASIA5ecret" }, /^AWS_SESSION_TOKEN: found none/],
    [{ AWS_ENDPOINT_URL: "http://user:5ecret@host" }, /^AWS_ENDPOINT_URL: found no plain address/],
    [{ AWS_REGION: "5ecret.example.org/" }, /^AWS_REGION/],
  ])("need an environment that fits together: %j", async (change, says) => {
    const own = new Environment();
    for (const [name, value] of Object.entries(change)) own.set(name, value);
    try {
      await expect(openBucket("s3://bucket/key")).rejects.toThrow(says);
    } finally {
      await own.end();
    }
  });
});
