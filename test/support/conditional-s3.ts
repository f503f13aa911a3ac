/** A store that knows conditions: s3rver behind a proxy that refuses a PUT whose `If-None-Match: *` or `If-Match` does not hold. */

import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { Semaphore } from "../../src/base/semaphore.ts";
import { type S3Server, startS3 } from "./s3-server.ts";

/** Starts both on free ports. */
export async function startConditionalS3(): Promise<S3Server> {
  const server = await startS3();
  const { hostname, port } = new URL(server.endpoint);
  const tags = new Map<string, string>();
  // A condition and its PUT are one step.
  const turn = new Semaphore(1);
  const proxy = createServer((incoming, answer) => {
    const { method = "", url = "", headers } = incoming;
    const pass = () =>
      new Promise<void>((resolve) => {
        incoming.pipe(request({ hostname, port, method, path: url, headers }, (from) => {
          if (method === "PUT") tags.set(url, String(from.headers.etag));
          if (method === "DELETE") tags.delete(url);
          answer.writeHead(from.statusCode ?? 500, from.headers);
          from.pipe(answer).on("close", resolve);
        }));
      });
    if (method !== "PUT" && method !== "DELETE") return void pass();
    void turn.run(async () => {
      const tag = tags.get(url);
      const isRefused = headers["if-none-match"] === "*" && tag !== undefined ||
        headers["if-match"] !== undefined && headers["if-match"] !== tag;
      if (!isRefused) return await pass();
      incoming.resume();
      await once(incoming, "end");
      answer.writeHead(412).end();
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    ...server,
    endpoint,
    environment: { ...server.environment, AWS_ENDPOINT_URL: endpoint },
    async close() {
      proxy.close();
      await server.close();
    },
  };
}
