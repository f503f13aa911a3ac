/** Folders as walks list them: links to files are files, as in the cache of a hub, which holds nothing else. */

import { type Dirent, readdir } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileSystemAdapter } from "tinyglobby";

type Listed = (failure: Error | null, entries?: Dirent[]) => void;

/** For walks that follow no links: links to folders stay links, since they may lead in circles. */
export const LINKS_TO_FILES = {
  readdir(folder: string, options: { readonly withFileTypes: true }, done: Listed): void {
    readdir(folder, options, (failure, entries) => {
      if (failure !== null) return done(failure);
      Promise.all(
        entries.map(async (entry) => entry.isSymbolicLink() ? await followed(folder, entry) : entry),
      )
        .then((all) => done(null, all), done);
    });
  },
} as unknown as FileSystemAdapter;

async function followed(folder: string, link: Dirent): Promise<Dirent> {
  const found = await stat(join(folder, link.name)).catch(() => null);
  return found?.isFile() !== true ? link : Object.create(link, {
    name: { value: link.name },
    isFile: { value: () => true },
    isDirectory: { value: () => false },
    isSymbolicLink: { value: () => false },
  }) as Dirent;
}

/** The files without links to others of them: `last.pt` that leads to `epoch-9.pt` is no model of its own. */
export async function withoutLinksWithin(files: readonly string[]): Promise<string[]> {
  // Folders may be reached through links themselves.
  const folders = new Map<string, Promise<string>>();
  const own = await Promise.all(files.map(async (file) => {
    const folder = dirname(file);
    const known = folders.get(folder) ?? realpath(folder).catch(() => folder);
    folders.set(folder, known);
    return join(await known, basename(file));
  }));
  const real = await Promise.all(own.map((file) => realpath(file).catch(() => file)));
  const listed = new Set(own);
  return files.filter((_, at) => real[at] === own[at] || !listed.has(real[at]!));
}
