/** TypeScript blocks as a user's project has them. */

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../repo/sources.ts";
import { type Block, nameOf, pages } from "./pages.ts";

/**
 * What the compiler says of blocks, each a module of its own in the checkout, where `svrflow` is the package itself: strictly, by the
 * project's own settings.
 */
export function typeErrors(blocks: readonly Block[]): string[] {
  const examples = new Map(
    blocks.map((block, at) => [join(ROOT, "test", "words", fileOf(block) ?? `example-${at}.ts`), block]),
  );
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile).config,
    ts.sys,
    ROOT,
  );
  const host = ts.createCompilerHost(config.options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => examples.has(path) || fileExists(path);
  host.readFile = (path) => examples.get(path)?.text ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const block = examples.get(path);
    return block === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, block.text, language, true);
  };
  const program = ts.createProgram([...examples.keys()], config.options, host);
  return [...examples].flatMap(([path, block]) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      .map(({ messageText }) => `${nameOf(block)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  });
}

/** The name of the file that a block is (`ts file my-format.ts`); null where it has none. */
export function fileOf({ language, how }: Block): string | null {
  return language === "ts" ? /^file ([\w.-]+)$/.exec(how)?.[1] ?? null : null;
}

/** Makes a folder a project that has installed svrflow and RxJS. */
export async function installPackages(folder: string): Promise<void> {
  await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  await symlink(ROOT, join(modules, "svrflow"));
  await symlink(join(ROOT, "node_modules", "rxjs"), join(modules, "rxjs"));
}

/** The modules of the page on plugins, by name. */
export function pluginFiles(): readonly (readonly [name: string, text: string])[] {
  return pages(/^docs\/plugins\.md$/).flatMap(({ blocks }) => blocks).flatMap((block) => {
    const name = fileOf(block);
    return name === null ? [] : [[name, block.text] as const];
  });
}
