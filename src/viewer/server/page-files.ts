/** The page's own files: bundled at start in a checkout, as they were bundled in the package. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The page's files by name. */
export type PageFiles = ReadonlyMap<string, Uint8Array>;

/** Scripts, each with what it imports. */
const SCRIPTS = ["main", "worker"] as const;

/** Files that stand as they are. */
const PLAIN = ["index.html", "app.css"] as const;

const APP = new URL("../app/", import.meta.url);

/**
 * Reads or makes the page's files.
 *
 * @throws {Error} when they are not there and cannot be bundled
 */
export async function pageFiles(): Promise<PageFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of PLAIN) files.set(name, await readFile(new URL(name, APP)));
  for (const name of SCRIPTS) {
    const made = new URL(`${name}.js`, APP);
    files.set(
      `${name}.js`,
      existsSync(made) ? await readFile(made) : new TextEncoder().encode(await bundled(name)),
    );
  }
  return files;
}

/** A script of the page as one file. @param name of its first module */
export async function bundled(name: typeof SCRIPTS[number]): Promise<string> {
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({ input: fileURLToPath(new URL(`${name}.ts`, APP)), platform: "browser" });
  try {
    const { output: [script] } = await bundle.generate({ format: "esm", minify: true });
    return script.code;
  } finally {
    await bundle.close();
  }
}
