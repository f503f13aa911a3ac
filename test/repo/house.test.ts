import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { describeWithShared, shared } from "../support/shared.ts";
import { parsed, projectFiles, ROOT, typescriptFiles } from "./sources.ts";

const SOURCES = typescriptFiles("src", "connectors", "config");
const FILES = projectFiles();
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const json = (path: string) => JSON.parse(read(path)) as Record<string, Record<string, string>>;
const lines = (path: string) => read(path).split("\n").length - 1;

describe("files", () => {
  it("are short: none over 350 lines, the median source under 120", () => {
    const lengths = SOURCES.map((path) => ({ path, length: lines(path) })).sort((a, b) =>
      a.length - b.length
    );
    expect(lengths.filter(({ length }) => length > 350)).toEqual([]);
    expect(typescriptFiles("test", ".config").filter((path) => lines(path) > 350)).toEqual([]);
    expect(lengths[Math.floor(lengths.length / 2)]?.length).toBeLessThan(120);
  });

  it("are few in a folder: none with over 25, golden data aside", () => {
    const folders = new Map<string, number>();
    for (const path of FILES) folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1);
    const crowded = [...folders].filter(([folder, files]) =>
      files > 25 && !folder.startsWith("test/golden/")
    );
    expect(crowded).toEqual([]);
  });

  it("show the whole flow in one of under 120 lines", () => {
    expect(lines("src/flow/pipeline.ts")).toBeLessThan(120);
    const text = read("src/flow/pipeline.ts");
    const stages = ["layers(", "unfold(", "svd(", "overlap(", "test(", "weight(", "sinks("];
    const at = stages.map((stage) => text.lastIndexOf(`      ${stage}`));
    expect(at.every((position) => position > 0)).toBe(true);
    expect([...at].sort((a, b) => a - b)).toEqual(at);
  });

  it("have names that say something, in kebab case", () => {
    const names = [...SOURCES, ...typescriptFiles("test")].map((path) =>
      basename(path).replace(/(\.d|\.test)?\.ts$/, "")
    );
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
    expect(FILES.filter((path) => /(^|\/)(utils?|common|misc|helpers?)(\.|\/|$)/i.test(path))).toEqual([]);
  });

  it("stand where the design puts them", () => {
    const top = new Set(FILES.map((path) => path.split("/")[0] ?? ""));
    const allowed = [
      ...[
        "config",
        "connectors",
        "docs",
        "examples",
        "pipelines",
        "src",
        "test",
        "deno.json",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
      ],
      ...["vitest.config.ts", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"],
    ];
    expect([...top].filter((name) => !name.startsWith(".") && !allowed.includes(name))).toEqual([]);
  });

  it("name no host of a registry, lock file aside, which npm writes so", () => {
    // Put together here, so that this file names none either.
    const hosts = [
      ["registry", "npmjs", "org"],
      ["repo", "maven", "apache", "org"],
      ["repo1", "maven", "org"],
      ["pypi", "org"],
      ["pythonhosted", "org"],
      ["crates", "io"],
      ["proxy", "golang", "org"],
      ["deb", "debian", "org"],
    ].map((parts) => parts.join("."));
    const texts = FILES.filter((path) =>
      /\.(ts|mjs|js|json|md|ya?ml|cypher)$|^\.ci\//.test(path) && path !== "package-lock.json"
    );
    expect(texts.length).toBeGreaterThan(60);
    expect(texts.filter((path) => hosts.some((host) => read(path).includes(host)))).toEqual([]);
  });
});

/** Exported declarations without a docstring. */
function undocumented(path: string, text?: string): string[] {
  return parsed(path, text).statements.flatMap((statement) => {
    const exported = ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
    if (!exported || ts.getJSDocCommentsAndTags(statement).length > 0) return [];
    const name = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations[0]?.name.getText()
      : (statement as ts.DeclarationStatement).name?.getText();
    return [`${path}: ${name ?? "?"}`];
  });
}

describe("docstrings", () => {
  it("stand on whatever is exported", () => {
    const exports = SOURCES.filter((path) => !path.endsWith(".d.ts")).flatMap((path) => undocumented(path));
    expect(exports).toEqual([]);
  });

  it("stand at the head of every source", () => {
    expect(SOURCES.filter((path) => !read(path).startsWith("/**"))).toEqual([]);
  });

  it("are missed where they are missing", () => {
    expect(
      undocumented(
        "x.ts",
        "/** Doc. */\nexport const a = 1;\nexport function b() {}\nexport interface C {}\nconst d = 2;\n",
      ),
    )
      .toEqual(["x.ts: b", "x.ts: C"]);
  });
});

describe("the package", () => {
  const manifest = json("package.json");

  it("pins every version exactly", () => {
    const versions = Object.entries({ ...manifest["dependencies"], ...manifest["devDependencies"] });
    expect(versions.length).toBeGreaterThan(10);
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it("has its version in the code", () => {
    expect(VERSION).toBe((manifest as unknown as { version: string }).version);
  });

  it("says in docs/decisions why each dependency was chosen", () => {
    const text = FILES.filter((path) => path.startsWith("docs/decisions/")).map(read).join("\n");
    expect(Object.keys(manifest["dependencies"] ?? {}).filter((name) => !text.includes(name))).toEqual([]);
  });

  it("locks Ladybug for all five platforms, which npm install drops", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { version: string; os?: string[]; cpu?: string[]; optional?: boolean }>;
    };
    const platforms = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"];
    for (const platform of platforms) {
      const [os, cpu] = platform.split("-");
      expect(packages[`node_modules/@ladybugdb/core-${platform}`], platform)
        .toMatchObject({
          version: manifest["dependencies"]?.["@ladybugdb/core"],
          os: [os],
          cpu: [cpu],
          optional: true,
        });
    }
  });
});

describe("data and tests", () => {
  it("have pipelines whose first line names the schema", () => {
    const pipelines = FILES.filter((path) => /^(pipelines|examples)\/[^/]+\.ya?ml$/.test(path));
    expect(pipelines.length).toBeGreaterThanOrEqual(2);
    for (const path of pipelines) {
      expect(read(path).split("\n")[0], path).toBe(
        "# yaml-language-server: $schema=../config/run-config.schema.json",
      );
    }
  });

  it("hold no test back", () => {
    const held = /\b(it|test|describe|suite)\.(only|skip|todo|fails|skipIf|runIf)\b/;
    const found = typescriptFiles("test").filter((path) =>
      held.test(read(path)) && path !== "test/support/shared.ts" && !path.startsWith("test/repo/")
    );
    expect(found).toEqual([]);
  });
});

describeWithShared("models of others", ["models/MANIFEST.csv"], () => {
  it("are not in the project", () => {
    const manifest = readFileSync(shared("models/MANIFEST.csv"), "utf8");
    expect(manifest.match(/[0-9a-f]{64}/g)?.length).toBeGreaterThan(5);
    const models = FILES.filter((path) => /\.(safetensors|onnx|pth?|th|npz|h5|bin|zip|tar)$/.test(path));
    expect(models.length).toBeGreaterThan(3);
    expect(
      models.filter((path) =>
        manifest.includes(createHash("sha256").update(readFileSync(join(ROOT, path))).digest("hex"))
      ),
    ).toEqual([]);
  });
});
