/** A plain file server. */

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";

/** Where a server answers. */
export const addressOf = (server: Server) =>
  `http://127.0.0.1:${(server.address() as { port: number }).port}/`;

/** Files of a folder as they are, without ranges, as the simplest servers send them. */
export async function plainServer(root: string): Promise<Server> {
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    json: "application/json",
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://x").pathname).replace(/\/$/, "/index.html");
    readFile(join(root, path)).then((content) => {
      response.writeHead(200, {
        "content-type": types[path.split(".").at(-1)!] ?? "application/octet-stream",
        "content-length": content.length,
      });
      response.end(request.method === "HEAD" ? undefined : content);
    }, () => response.writeHead(404).end());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}
