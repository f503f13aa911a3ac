import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ByteSource } from "../../../connectors/bytes.ts";
import { openIfThere, openPlace } from "../../../connectors/places/open.ts";
import { RemoteError } from "../../../connectors/places/remote-error.ts";
import { noise } from "../../support/files/safetensors-file.ts";
import { Environment } from "./environment.ts";
import { FileServer, type Misbehave } from "./server.ts";

const MIB = 2 ** 20;
const FILE = new Uint8Array(noise(3 * MIB / 4, 7).buffer);
const PATH = "/file.bin";

let environment: Environment;
let server: FileServer;
beforeAll(async () => {
  environment = await Environment.begin();
  environment.set("SVRFLOW_TIMEOUT", "0.4");
  environment.set("SVRFLOW_RETRIES", "3");
});
afterAll(() => environment.end());
beforeEach(async () => {
  await environment.emptyCache();
  server = await FileServer.start();
  server.files.set(PATH, FILE);
  return () => server.stop();
});

/** Opens the file, reads it all, and closes it. */
async function all(path = PATH): Promise<Uint8Array> {
  const source = await openPlace(`${server.origin}${path}`);
  try {
    return await source.slice(0, source.size);
  } finally {
    await source.close();
  }
}

const same = (bytes: Uint8Array) => Buffer.compare(bytes, FILE) === 0;

/** Behind the first request. */
const later = (act: Misbehave): Misbehave => (exchange) => exchange.before > 0 && act(exchange);

const partial = (start: number, end: number, size = FILE.length) => ({
  "content-range": `bytes ${start}-${end - 1}/${size}`,
  "content-length": end - start,
});

const etagOf = async () => {
  const source = await openPlace(`${server.origin}${PATH}`);
  await source.close();
  await environment.emptyCache();
  server.served.length = 0;
  return source.remote!.etag!;
};

describe("a server that is not well", () => {
  it.each([429, 500, 502, 503, 504])("is asked again after %i", async (status) => {
    server.misbehave = ({ response, before }) => {
      if (before % 2 === 1) return false;
      response.writeHead(status, status === 429 ? { "retry-after": "0" } : {}).end("later");
      return true;
    };
    expect(same(await all())).toBe(true);
  });

  it("is left alone for as long as it asks", async () => {
    server.misbehave = ({ response, before }) => {
      if (before > 0) return false;
      response.writeHead(429, { "retry-after": "1" }).end();
      return true;
    };
    const start = Date.now();
    expect(same(await all())).toBe(true);
    // A lower bound that holds on any machine.
    expect(Date.now() - start).toBeGreaterThanOrEqual(990);
  });

  it("is not waited for where it asks for hours", async () => {
    server.misbehave = ({ response }) => {
      response.writeHead(503, { "retry-after": "7200" }).end();
      return true;
    };
    await expect(all()).rejects.toThrow(/found an answer of 503, asked to wait 7200 s, required/);
    expect(server.served.length).toBe(1);
  });

  it("is given up in the end, with what was tried", async () => {
    server.misbehave = ({ response }) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(all()).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+\/file\.bin: found an answer of 503, after 4 attempts in \d+\.\d s, required a server that delivers$/,
    );
    await expect(all()).rejects.toThrow(RemoteError);
    expect(server.served.length).toBe(8);
  });

  it("may drop connections in the middle: what came is kept", async () => {
    server.misbehave = later(({ response, file, start, end, before }) => {
      if (before > 3) return false;
      response.writeHead(206, { ...partial(start, end), etag: etag });
      response.write(file.subarray(start, start + 500_000), () => response.destroy());
      return true;
    });
    const etag = await etagOf();
    expect(same(await all())).toBe(true);
    // Three times half a megabyte came before the connection was lost; sockets may lose some of what was sent.
    expect(server.bytes()).toBeLessThanOrEqual(FILE.length * 1.4);
    expect(server.served.slice(1, 4).map(({ range }) => range)).not.toEqual(
      new Array(3).fill(server.served[1]!.range),
    );
  });

  it("may fall silent: before the answer, and in the middle of it", async () => {
    const etag = await etagOf();
    server.misbehave = later(({ response, file, start, end, before }) => {
      if (before === 1) return true;
      if (before > 2) return false;
      response.writeHead(206, { ...partial(start, end), etag });
      response.write(file.subarray(start, start + 1000));
      return true;
    });
    expect(same(await all())).toBe(true);
    server.misbehave = () => true;
    await environment.emptyCache();
    await expect(all()).rejects.toThrow(/found silence of 0\.4 s from 127\.0\.0\.1:\d+, after 4 attempts/);
  });

  it("may be slow, as long as it says something", async () => {
    const etag = await etagOf();
    server.misbehave = later(({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end), etag });
      void (async () => {
        for (let at = start; at < end; at += 300_000) {
          response.write(file.subarray(at, Math.min(end, at + 300_000)));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        response.end();
      })();
      return true;
    });
    expect(same(await all())).toBe(true);
    expect(server.served.length).toBe(2);
  });

  it("may give less than was asked for", async () => {
    const etag = await etagOf();
    server.misbehave = ({ response, file, start, end }) => {
      const less = Math.min(end, start + 700_000);
      response.writeHead(206, { ...partial(start, less), etag });
      response.end(file.subarray(start, less));
      return true;
    };
    expect(same(await all())).toBe(true);
  });

  it("may know no ranges: a small file is taken whole", async () => {
    server.misbehave = ({ response, file }) => {
      response.writeHead(200, { "content-length": file.length });
      response.write(file);
      response.end();
      return true;
    };
    expect(same(await all())).toBe(true);
    expect(server.served.length).toBe(1);
  });

  it("may have a file of nothing", async () => {
    server.files.set("/empty.bin", new Uint8Array(0));
    expect((await all("/empty.bin")).length).toBe(0);
  });

  it("may have no names for its content: then its date says whether it changed", async () => {
    server.etags.set(PATH, null);
    let date = "Tue, 24 Nov 2026 08:00:00 GMT";
    server.misbehave = ({ response }) => {
      response.setHeader("last-modified", date);
      return false;
    };
    expect(same(await all())).toBe(true);
    const source = await openPlace(`${server.origin}${PATH}`);
    date = "Tue, 24 Nov 2026 09:00:00 GMT";
    await expect(source.slice(MIB, MIB + 10)).rejects.toThrow(
      /found it changed while it was read \(the date/,
    );
    await source.close();
  });

  it("stops when the user does", async () => {
    const source = await openPlace(`${server.origin}${PATH}`);
    server.misbehave = () => true;
    const stop = new AbortController();
    const reading = source.slice(0, source.size, stop.signal);
    setTimeout(() => stop.abort(new Error("enough")), 50);
    await expect(reading).rejects.toThrow("enough");
    server.misbehave = () => false;
    expect(same(await source.slice(0, source.size))).toBe(true);
    await source.close();
  });
});

describe("files that may be missing", () => {
  beforeEach(() => {
    server.files.set("/config.json", Buffer.from("<html>not found</html>"));
  });

  it.each([404, 403, 401, 410])("are missing where the answer is %i", async (status) => {
    server.misbehave = ({ response }) => {
      response.writeHead(status).end();
      return true;
    };
    expect(await openIfThere(`${server.origin}/config.json`)).toBeNull();
  });

  it("are not pages for people", async () => {
    server.misbehave = ({ response }) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      return false;
    };
    expect(await openIfThere(`${server.origin}/config.json`)).toBeNull();
  });

  it("are not missing where nobody can tell", async () => {
    server.misbehave = ({ response }) => {
      response.writeHead(500).end();
      return true;
    };
    await expect(openIfThere(`${server.origin}/config.json`)).rejects.toThrow(RemoteError);
  });
});

describe("redirects", () => {
  it("are followed, without what was meant for another server", async () => {
    const other = await FileServer.start();
    try {
      other.files.set(PATH, FILE);
      server.misbehave = ({ response }) => {
        response.writeHead(302, { location: `${other.origin}${PATH}?signature=1` }).end();
        return true;
      };
      expect(same(await all())).toBe(true);
      expect(other.served.every(({ authorization }) => authorization === undefined)).toBe(true);
    } finally {
      await other.stop();
    }
  });
});

describe("reading", () => {
  it("fetches no byte twice, however it is read, and little that was not asked for", async () => {
    const source: ByteSource = await openPlace(`${server.origin}${PATH}`);
    let asked = 0;
    // Small pieces here and there: a fixed walk.
    for (let at = 0, step = 1; at < FILE.length - 5000; at += step, step = (step * 7919) % 40_961) {
      const end = at + 1 + (step % 3000);
      expect(Buffer.compare(await source.slice(at, end), FILE.subarray(at, end))).toBe(0);
      asked += end - at;
    }
    expect(asked).toBeGreaterThan(50_000);
    expect(server.bytes()).toBeLessThanOrEqual(asked * 1.05 + 65536);
    const side = await Promise.all([0, 1, 2, 3].map(() => source.slice(0, source.size)));
    expect(side.every(same)).toBe(true);
    expect(server.bytes()).toBe(FILE.length);
    await expect(source.slice(0, source.size + 1)).rejects.toThrow(RangeError);
    await source.close();
  });
});
