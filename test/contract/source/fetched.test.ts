import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openPlace } from "../../../connectors/places/open.ts";
import { formatOf } from "../../../connectors/sources/registry.ts";
import { models } from "../../connectors/places/collection-fixture.ts";
import { Environment } from "../../connectors/places/environment.ts";
import { FileServer } from "../../connectors/places/server.ts";

let environment: Environment;
let server: FileServer;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fetched-"));
  environment = await Environment.begin();
  environment.set("SVRFLOW_TIMEOUT", "0.5");
  environment.set("SVRFLOW_RETRIES", "2");
  server = await FileServer.start();
});
beforeEach(() => {
  server.misbehave = () => false;
  server.served.length = 0;
});
afterAll(async () => {
  await server.stop();
  await environment.end();
  await rm(folder, { recursive: true, force: true });
});

describe("models that are fetched", async () => {
  for (const [name, files] of await models()) {
    it(`are the local ones: ${name}`, async () => {
      const [path = ""] = [...files.keys()];
      const base = `/${name.replaceAll(/\W/g, "-")}`;
      const { mkdir } = await import("node:fs/promises");
      const { dirname } = await import("node:path");
      for (const [each, bytes] of files) {
        server.files.set(`${base}${each}`, bytes);
        await mkdir(join(folder, base, dirname(each)), { recursive: true });
        await writeFile(join(folder, base, each), bytes);
      }
      const [here, there] = [join(folder, base, path), `${server.origin}${base}${encodeURI(path)}`];
      const local = await (await formatOf(here)).open(here, "id");
      const remote = await (await formatOf(there)).open(there, "id");
      expect(remote.tensors).toEqual(local.tensors);
      const readable = local.tensors.filter(({ unreadable }) => unreadable === undefined);
      expect(readable.length).toBeGreaterThan(0);
      const [one, other] = [await local.inputs(), await remote.inputs()];
      expect(other.map(({ bytes }) => bytes)).toEqual(one.map(({ bytes }) => bytes));
      const fetched = server.bytes();
      for (const { name } of readable) expect(await remote.read(name)).toEqual(await local.read(name));
      // What was digested is at hand.
      expect(server.bytes()).toBe(fetched);
      await local.close();
      await remote.close();
    });
  }
});

describe("a file that is fetched", () => {
  const file = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) % 251);
  const read = async () => {
    const source = await openPlace(`${server.origin}/file`);
    try {
      return await source.slice(0, source.size);
    } finally {
      await source.close();
    }
  };
  beforeEach(async () => {
    await environment.emptyCache();
    server.files.set("/file", file);
  });

  it("outlasts a busy server, a lost connection and silence", async () => {
    server.misbehave = ({ response, before, start, end }) => {
      if (before === 1) response.writeHead(429, { "retry-after": "0" }).end();
      if (before === 2) {
        response.writeHead(206, {
          "content-range": `bytes ${start}-${end - 1}/${file.length}`,
          "content-length": end - start,
        });
        response.write(file.subarray(start, start + 100), () => response.destroy());
      }
      return before === 1 || before === 2;
    };
    server.etags.set("/file", null);
    expect(Buffer.compare(await read(), file)).toBe(0);
    server.etags.delete("/file");
    server.served.length = 0;
    server.misbehave = ({ before }) => before === 1;
    expect(Buffer.compare(await read(), file)).toBe(0);
  });

  it("is not another one in the end", async () => {
    const source = await openPlace(`${server.origin}/file`);
    server.files.set("/file", file.toReversed());
    await expect(source.slice(0, source.size)).rejects.toThrow(/found it changed while it was read/);
    await source.close();
  });

  it("comes as it is: compressed bytes are refused", async () => {
    server.misbehave = ({ response, before, start, end }) => {
      if (before === 0) return false;
      const range = `bytes ${start}-${end - 1}/${file.length}`;
      response.writeHead(206, { "content-range": range, "content-encoding": "gzip" }).end(
        file.subarray(start, end),
      );
      return true;
    };
    await expect(read()).rejects.toThrow(/found (Content-Encoding "gzip"|it changed|a lost connection)/);
  });

  it("is looked for in vain where nobody answers", async () => {
    const gone = await FileServer.start();
    const place = `${gone.origin}/file?signature=5ecret`;
    await gone.stop();
    const message = await openPlace(place).then(() => "", String);
    expect(message).toMatch(
      /found no connection to 127\.0\.0\.1:\d+ \(.*\), after 3 attempts in .* \(offline\?\)$/,
    );
    expect(message).not.toContain("5ecret");
  });
});
