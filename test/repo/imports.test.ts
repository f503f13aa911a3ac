import { describe, expect, it } from "vitest";
import { type Import, importsOf, parsed, typescriptFiles } from "./sources.ts";

/** Files by path, and what each imports. */
type ImportMap = ReadonlyMap<string, readonly Import[]>;

/** The rooms of the house: who lives there, and whom they may import. The first that fits counts. */
const ROOMS: readonly { readonly room: RegExp; readonly may: readonly RegExp[] }[] = [
  { room: /^src\/(cli\.ts|cli\/|mod\.ts|run\.ts|svr\.ts)/, may: [/^(src|connectors|config)\//] },
  { room: /^src\/(version|required-node)\.ts/, may: [] },
  { room: /^src\/model\//, may: [/^src\/model\//] },
  { room: /^src\/base\//, may: [/^src\/(base|model)\//] },
  { room: /^src\/stats\//, may: [/^src\/(stats|model)\//] },
  { room: /^src\/kernels\//, may: [/^src\/(kernels|model|base)\//] },
  { room: /^src\/stages\//, may: [/^src\/(stages|model|stats|base)\//] },
  { room: /^src\/analysis\//, may: [/^src\/(analysis|model|stats)\//] },
  { room: /^src\/compare\//, may: [/^src\/(compare|model|stats)\//] },
  { room: /^src\/flow\//, may: [/^src\/(flow|stages|compare|model|base)\//] },
  {
    room: /^src\/viewer\//,
    // A picture is drawn from what a run left, and ends as a file.
    may: [
      /^src\/(viewer|model|stats|compare)\//,
      /^connectors\/(readers|lake)\//,
      /^connectors\/whole-files\.ts$/,
    ],
  },
  {
    room: /^src\/(run|query|report)\//,
    may: [/^src\/(?!cli\.ts$|cli\/|mod\.ts$|run\.ts$|svr\.ts$)/, /^(connectors|config)\//],
  },
  { room: /^connectors\//, may: [/^connectors\//, /^src\/(model|base)\//] },
  { room: /^config\//, may: [/^config\//] },
];

/** Whoever computes may speak of the kernel by its interface, as types. */
const KERNEL_INTERFACE = "src/kernels/kernel.ts";
const SPEAKS_OF_KERNELS = /^src\/(stages|compare|flow)\//;

/** RxJS lives here only. */
const STREAMS = /^src\/(flow|run)\/|^connectors\/sinks\//;

/** Every import that the rules forbid, as `file -> target`. */
function forbidden(imports: ImportMap): string[] {
  return [...imports].flatMap(([file, list]) =>
    list.filter((each) => !allowed(file, each)).map(({ target }) => `${file} -> ${target}`)
  );
}

function allowed(file: string, { target, typesOnly }: Import): boolean {
  if (/^rxjs(\/|$)/.test(target)) return STREAMS.test(file);
  if (!/^(src|connectors|config|test)\//.test(target)) return true;
  if (target === KERNEL_INTERFACE && typesOnly && SPEAKS_OF_KERNELS.test(file)) return true;
  const home = ROOMS.find(({ room }) => room.test(file));
  return home?.may.some((room) => room.test(target)) ?? false;
}

/** A cycle among our files, or null. Imports of types count: a cycle of meanings is one too. */
function cycle(imports: ImportMap): string[] | null {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (state.get(file) === "done") return null;
    if (state.get(file) === "open") return [...path.slice(path.indexOf(file)), file];
    state.set(file, "open");
    path.push(file);
    for (const { target } of imports.get(file) ?? []) {
      const found = imports.has(target) ? visit(target) : null;
      if (found !== null) return found;
    }
    path.pop();
    state.set(file, "done");
    return null;
  };
  for (const file of imports.keys()) {
    const found = visit(file);
    if (found !== null) return found;
  }
  return null;
}

const importsIn = (files: Readonly<Record<string, string>>): ImportMap =>
  new Map(Object.entries(files).map(([path, text]) => [path, importsOf(parsed(path, text))]));

const house: ImportMap = new Map(
  typescriptFiles("src", "connectors", "config").map((path) => [path, importsOf(parsed(path))]),
);

describe("who imports whom", () => {
  it("is what the design says", () => {
    expect(house.size).toBeGreaterThan(40);
    expect(forbidden(house)).toEqual([]);
  });

  it("has no cycle", () => {
    expect(cycle(house)).toBeNull();
  });

  it("has a barrel for each entry of the package, and no other", () => {
    const barrels = typescriptFiles("src", "connectors", "config").filter((path) =>
      /(^|\/)(index|mod)\.ts$/.test(path) ||
      (house.get(path)?.length ?? 0) > 0 && /^export (\*|\{)[^;]*from/m.test(parsed(path).text)
    );
    expect(barrels).toEqual(["src/mod.ts", "src/run.ts"]);
  });

  it.each([
    ["src/model/a.ts", 'import { b } from "../stats/b.ts";'],
    ["src/base/a.ts", 'import { openKernel } from "../kernels/select.ts";'],
    ["src/model/a.ts", 'import { retry } from "../base/retry.ts";'],
    ["src/stats/a.ts", 'import type { Kernel } from "../kernels/kernel.ts";'],
    ["src/stages/a.ts", 'import { openKernel } from "../kernels/select.ts";'],
    ["src/stages/a.ts", 'import { openKernel } from "../kernels/kernel.ts";'],
    ["src/stages/a.ts", 'import { map } from "rxjs";'],
    ["src/analysis/a.ts", 'import type { ModelResult } from "../flow/sinks.ts";'],
    ["src/flow/a.ts", 'import { measure } from "../analysis/overlap-measures.ts";'],
    ["src/flow/a.ts", 'const x = await import("../../connectors/sinks/registry.ts");'],
    ["connectors/sources/a.ts", 'import { unfold } from "../../src/stages/unfold.ts";'],
    ["connectors/sources/a.ts", 'import { of } from "rxjs";'],
    ["config/a.ts", 'import { show } from "../src/model/errors.ts";'],
    ["src/run/a.ts", 'import { plainTable } from "../cli/inspect-text.ts";'],
    ["src/run/records/a.ts", 'import { show } from "../../mod.ts";'],
    ["src/flow/a.ts", 'import { run } from "../run.ts";'],
    ["src/query/a.ts", 'const x = await import("../cli/run-command.ts");'],
    ["src/query/a.ts", 'import { of } from "rxjs";'],
    ["src/report/a.ts", 'import { program } from "../cli.ts";'],
    ["src/flow/a.ts", 'import type { Progress } from "../run/progress/progress.ts";'],
    ["src/cli/a.ts", 'import { of } from "rxjs";'],
    ["src/viewer/a.ts", 'import { openSinks } from "../../connectors/sinks/registry.ts";'],
    ["connectors/readers/a.ts", 'import { plot } from "../../src/viewer/plot.ts";'],
    ["src/new-room/a.ts", 'export { show } from "../model/errors.ts";'],
    ["src/flow/a.ts", 'type X = import("../../config/schema.ts").RunConfig;'],
  ])("forbids %s to say %s", (path, text) => {
    expect(forbidden(importsIn({ [path]: text }))).toHaveLength(1);
  });

  it.each([
    ["src/stages/a.ts", 'import type { Kernel } from "../kernels/kernel.ts";'],
    ["connectors/lake/a.ts", 'import { retry } from "../../src/base/retry.ts";'],
    ["src/flow/a.ts", 'import { type Kernel } from "../kernels/kernel.ts"; import { of } from "rxjs";'],
    ["src/run/a.ts", 'import { of } from "rxjs"; import { openKernel } from "../kernels/select.ts";'],
    ["src/report/a.ts", 'import { x } from "../../config/load.ts"; import { y } from "../run/settings.ts";'],
    ["src/viewer/a.ts", 'import { readTable } from "../../connectors/readers/run-tables.ts";'],
    [
      "src/cli/a.ts",
      'import { openKernel } from "../kernels/select.ts"; import { x } from "../../config/load.ts";',
    ],
  ])("allows %s to say %s", (path, text) => {
    expect(forbidden(importsIn({ [path]: text }))).toEqual([]);
  });

  it("finds a cycle where there is one", () => {
    const files = {
      "src/model/a.ts": 'import "./b.ts";',
      "src/model/b.ts": 'import type { C } from "./c.ts";',
      "src/model/c.ts": 'export { a } from "./a.ts";',
    };
    expect(cycle(importsIn(files))).toEqual([
      "src/model/a.ts",
      "src/model/b.ts",
      "src/model/c.ts",
      "src/model/a.ts",
    ]);
  });
});
