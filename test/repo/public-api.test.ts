import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { typeErrors } from "../words/examples.ts";
import type { Block } from "../words/pages.ts";
import { importsOf, parsed, ROOT } from "./sources.ts";

const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  exports: Readonly<Record<string, string>>;
};

/** The package's entries: how they are imported, and their files. */
const ENTRIES = Object.entries(exports).map(([path, file]) =>
  [normalize(join("svrflow", path)), normalize(file)] as const
);

/** A value that an entry exports, and the examples of its docstring. */
interface Exported {
  readonly entry: string;
  readonly name: string;
  readonly examples: readonly Block[];
}

const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile).config as unknown;
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const program = ts.createProgram(ENTRIES.map(([, file]) => join(ROOT, file)), options);
const checker = program.getTypeChecker();

/** The values that an entry exports. */
function valuesOf(entry: string, file: string): Exported[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, file))!)!;
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const { name } = symbol;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    if ((target.flags & ts.SymbolFlags.Value) === 0) return [];
    const page = `${entry}: ${name}`;
    const examples = target.getJsDocTags(checker).filter((tag) => tag.name === "example").map((tag) => {
      const text = `${ts.displayPartsToString(tag.text)}\n`;
      return { page, line: 1, language: "ts", how: "", text };
    });
    return [{ entry, name, examples }];
  });
}

const VALUES = ENTRIES.flatMap(([entry, file]) => valuesOf(entry, file));

/** Our files that are loaded with these, now or later. */
function loadedWith(files: readonly string[]): Set<string> {
  const known = new Set<string>();
  const add = (file: string) => {
    if (known.has(file)) return;
    known.add(file);
    for (const { target, typesOnly } of importsOf(parsed(file))) {
      if (!typesOnly && /^(src|connectors|config)\/.*\.ts$/.test(target)) add(target);
    }
  };
  files.forEach(add);
  return known;
}

describe("the entries of the package", () => {
  it("are the parts, and what the command line does", () => {
    expect(ENTRIES.map(([entry]) => entry)).toEqual(["svrflow", "svrflow/run"]);
    const named = (entry: string) => VALUES.filter((each) => each.entry === entry).map(({ name }) => name);
    expect(named("svrflow")).toEqual(expect.arrayContaining(["layers", "spectralGraph", "rotationNull"]));
    expect(named("svrflow/run")).toEqual(
      expect.arrayContaining(["run", "readReport", "askQuery", "plotRun"]),
    );
  });

  it("have an example in the docstring of each value, which imports it", () => {
    const without = VALUES.filter(({ name, examples }) =>
      !examples.some(({ text }) =>
        new RegExp(`^import \\{[^}]*\\b${name}\\b[^}]*\\} from "svrflow(/run)?";`, "m").test(text)
      )
    );
    expect(without.map(({ entry, name }) => `${entry}: ${name}`)).toEqual([]);
  });

  it("have examples that compile, strictly", () => {
    const examples = VALUES.flatMap((each) => each.examples);
    const wrong: Block = {
      page: "wrong",
      line: 1,
      language: "ts",
      how: "",
      text: 'import { svd } from "svrflow";\nsvd();\n',
    };
    const errors = typeErrors([...examples, wrong]);
    expect(errors.filter((error) => !error.startsWith("wrong"))).toEqual([]);
    expect(errors.join()).toContain("arguments");
  });

  it("refuse an old Node first, and load nothing of the command line", () => {
    for (const [, file] of ENTRIES) {
      expect(importsOf(parsed(file))[0]?.target).toBe("src/required-node.ts");
    }
    const loaded = loadedWith(ENTRIES.map(([, file]) => file));
    expect(loaded.size).toBeGreaterThan(100);
    expect([...loaded].filter((file) => /^src\/(cli|svr\.ts)/.test(file))).toEqual([]);
  });
});
