/** Settings of fetching for a suite: a cache of its own, and no patience. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";

/** Variables set for a while, and put back. */
export class Environment {
  readonly #before = new Map<string, string | undefined>();
  /** A folder that goes with it. */
  folder = "";

  /** With a folder of its own, and the cache in it. */
  static async begin(): Promise<Environment> {
    const environment = new Environment();
    environment.folder = await mkdtemp(join(tmpdir(), "svr-places-"));
    environment.set("SVRFLOW_CACHE", join(environment.folder, "cache"));
    return environment;
  }

  set(name: string, value: string | undefined): void {
    if (!this.#before.has(name)) this.#before.set(name, env[name]);
    if (value === undefined) delete env[name];
    else env[name] = value;
  }

  /** Forgets all that was fetched. */
  async emptyCache(): Promise<void> {
    await rm(join(this.folder, "cache"), { recursive: true, force: true });
  }

  async end(): Promise<void> {
    for (const [name, value] of this.#before) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
    if (this.folder !== "") await rm(this.folder, { recursive: true, force: true });
  }
}
