import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openPlace } from "../../../connectors/places/open.ts";
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

describe("a server that lies", () => {
  const answers: Record<string, [(etag: string) => Misbehave, RegExp]> = {
    "gives the whole file for a part": [() => ({ response, file }) => {
      response.writeHead(200, { "content-length": file.length }).end(file);
      return true;
    }, /found an answer of 200 with the whole file, required 206/],
    "gives another part": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start - 1, end - 1), etag }).end(
        file.subarray(start - 1, end - 1),
      );
      return true;
    }, /found Content-Range "bytes 65535-.*", required bytes 65536-/],
    "gives more than was asked for": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end + 1), etag }).end(file.subarray(start, end + 1));
      return true;
    }, /found Content-Range/],
    "says no range": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { etag }).end(file.subarray(start, end));
      return true;
    }, /found Content-Range "", required/],
    "says another size": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end, FILE.length + 1), etag }).end(
        file.subarray(start, end),
      );
      return true;
    }, /found it changed while it was read \(3145729 bytes in place of 3145728\)/],
    "says a length that is not the range's": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end), "content-length": 1000, etag });
      response.end(file.subarray(start, start + 1000));
      return true;
    }, /found Content-Length "1000", required/],
    "sends more than it says": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${FILE.length}`, etag });
      response.end(Buffer.concat([file.subarray(start, end), Buffer.alloc(1000)]));
      return true;
    }, /found over \d+ bytes in the answer, required the \d+ that it declared/],
    "always sends less than it says": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${FILE.length}`, etag });
      response.end(file.subarray(start, start + 1000));
      return true;
    }, /found an end after \d+ of \d+ bytes, after 4 attempts/],
    "compresses": [(etag) => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end), "content-encoding": "gzip", etag });
      response.end(file.subarray(start, end));
      return true;
    }, /found Content-Encoding "gzip", required bytes as they are/],
    "has another file by now, and says so": [() => ({ response }) => {
      response.writeHead(412).end();
      return true;
    }, /found it changed while it was read \(an answer of 412\)/],
    "has another file by now, as its etag tells": [() => ({ response, file, start, end }) => {
      response.writeHead(206, { ...partial(start, end), etag: '"other"' }).end(file.subarray(start, end));
      return true;
    }, /found it changed while it was read \(etag "\\"other\\"" in place of/],
    "has a shorter file by now": [() => ({ response }) => {
      response.writeHead(416, { "content-range": "bytes */10" }).end();
      return true;
    }, /found it changed while it was read \(an answer of 416\)/],
    "has lost the file": [() => ({ response }) => {
      response.writeHead(404).end();
      return true;
    }, /found no such file \(404\)/],
    "refuses": [() => ({ response }) => {
      response.writeHead(403).end();
      return true;
    }, /found a refusal \(403\), required leave to read/],
    "answers something else": [() => ({ response }) => {
      response.writeHead(204).end();
      return true;
    }, /found an answer of 204, required/],
    "leads in circles": [() => ({ response, request }) => {
      response.writeHead(302, { location: request.url }).end();
      return true;
    }, /found a redirect from .*, the 6th, required at most 5/],
    "leads to a file of this machine": [() => ({ response }) => {
      response.writeHead(302, { location: "file:///etc/passwd" }).end();
      return true;
    }, /found a redirect from .* to file:, required/],
  };

  it.each(Object.entries(answers))("is found out: it %s", async (_, [act, says]) => {
    server.misbehave = later(act(await etagOf()));
    const source = await openPlace(`${server.origin}${PATH}`);
    await expect(source.slice(0, source.size)).rejects.toThrow(says);
    await expect(source.slice(MIB, 2 * MIB)).rejects.toThrow(RemoteError);
    // What had been read stays right.
    expect(Buffer.compare(await source.slice(0, 65536), FILE.subarray(0, 65536))).toBe(0);
    await source.close();
  });

  it.each(
    [
      ["a range without a size", { "content-range": "bytes 0-65535/*" }],
      ["a size that no number holds", { "content-range": "bytes 0-65535/99999999999999999999" }],
      ["a range from elsewhere", { "content-range": "bytes 1-65536/100000" }],
    ] as const,
  )("is found out at the first answer: %s", async (_, headers) => {
    server.misbehave = ({ response, file, end }) => {
      response.writeHead(206, headers).end(file.subarray(0, end));
      return true;
    };
    await expect(all()).rejects.toThrow(/found Content-Range/);
  });

  it("is not believed a whole file longer than memory is for", async () => {
    server.misbehave = ({ response }) => {
      response.writeHead(200, { "content-length": 2 ** 40 });
      response.write("x");
      return true;
    };
    await expect(all()).rejects.toThrow(
      /found 1099511627776 bytes on a server that knows no ranges, required at most/,
    );
    server.misbehave = ({ response }) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("x", () => response.destroy());
      return true;
    };
    await expect(all()).rejects.toThrow(/found (an end after|a lost connection)/);
  });
});
