/** TypeScript blocks as a user's project has them. */

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../repo/sources.ts";
import { type Block, nameOf } from "./pages.ts";

/**
 * What the compiler says of blocks, each a module of its own in the checkout, where `svrflow` is the package itself: strictly, by the
 * project's own settings.
 */
export function typeErrors(blocks: readonly Block[]): string[] {
  const examples = new Map(
    blocks.map((block, at) => [join(ROOT, "test", "words", `example-${at}.ts`), block]),
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

/** Makes a folder a project that has installed svrflow and RxJS. */
export async function installPackages(folder: string): Promise<void> {
  await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  await symlink(ROOT, join(modules, "svrflow"));
  await symlink(join(ROOT, "node_modules", "rxjs"), join(modules, "rxjs"));
}
