import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { globSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GraphReader } from "../../src/model/graph-reader.ts";
import { openLadybugReader } from "../../src/mod.ts";
import { askQuery, queryOf } from "../../src/query/query-library.ts";
import { ROOT, svr } from "../integration/svr.ts";
import { argumentsOfSvr, commandsOf } from "./shell.ts";
import { type Block, DOCUMENTATION, nameOf, type Page, pages } from "./pages.ts";
import { fileOf } from "./examples.ts";
import { copyProject, makeProject, ranIn, ranModule } from "./project.ts";

const PAGES = pages(DOCUMENTATION);
const blocksOf = (page: Page, kind: RegExp) =>
  page.blocks.filter(({ language, how }) => kind.test(`${language} ${how}`));
const all = (kind: RegExp) => PAGES.flatMap((page) => blocksOf(page, kind));
const named = (blocks: readonly Block[]) => blocks.map((block) => [nameOf(block), block] as const);

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "svr-words-"));
  folders.push(folder);
  return folder;
}

let project: Promise<string> | null = null;

async function newProject(): Promise<string> {
  project ??= newFolder().then(makeProject);
  return await copyProject(await project, await newFolder());
}

// A page is read from its top: its blocks run in their order, in a folder of the page's own.
for (const page of PAGES) {
  // Those of the library are run from the packed package, by test/library.
  if (page.path === "docs/library.md") continue;
  const running = blocksOf(page, /^(sh|ts) run$|^text files$|^cypher file$|^ts file /);
  if (running.length === 0) continue;
  describe(page.path, () => {
    let folder = "";
    beforeAll(async () => {
      folder = await newProject();
    });

    it.each(named(running))("%s", async (_, block) => {
      const { language, how, line, text } = block;
      const file = fileOf(block);
      if (file !== null) return await writeFile(join(folder, file), text);
      switch (`${language} ${how}`) {
        case "sh run": {
          const printed = await ranIn(folder, text);
          const silent = commandsOf(text).every((words) => argumentsOfSvr(words)?.includes("--quiet"));
          if (!silent) expect(printed).toMatch(/\S/);
          return;
        }
        case "ts run":
          await ranModule(folder, `example-${line}.ts`, text);
          return;
        case "cypher file":
          await writeFile(join(folder, "mine.cypher"), text);
          return;
        default:
          // Each line begins with a path; what stands in <> may be anything.
          for (const each of text.trimEnd().split("\n")) {
            const pattern = each.split(/ {2,}/)[0]!.replaceAll(/<\w+>/g, "*");
            expect(globSync(pattern, { cwd: folder }).length, pattern).toBeGreaterThan(0);
          }
      }
    });
  });
}

describe("questions", () => {
  let folder = "";
  let graph: GraphReader;
  beforeAll(async () => {
    folder = await newProject();
    graph = await openLadybugReader(join(folder, "my-run/graph.lbug"));
  });
  afterAll(() => graph.close());

  it.each(named(all(/^cypher /)))("in Cypher are answered: %s", async (_, { how, text }) => {
    const { rows } = how === "file"
      ? await askQuery(graph, queryOf("mine", text), {})
      : await graph.query(text);
    expect(rows.length).toBeGreaterThan(0);
  });

  it.each(named(all(/^sql /)))(
    "in SQL are answered by DuckDB, over the views of a lake: %s",
    async (_, { text }) => {
      const connection = await (await DuckDBInstance.create()).connect();
      await connection.run(await ranIn(folder, "svr lake sql my-run"));
      // Where a reader of the page would be.
      await connection.run(`SET file_search_path = '${folder}'`);
      expect((await connection.runAndReadAll(text)).getRows().length).toBeGreaterThan(0);
      connection.closeSync();
    },
  );
});

describe("the demo", () => {
  it("prints what pages say that it prints", async () => {
    const out = join(await newFolder(), "demo");
    const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const [, , ...args] = scripts["demo"]!.split(" ");
    const { code, stdout } = await svr([...args, "--out", out, "--graph", "none"], { cwd: ROOT });
    expect(code).toBe(0);
    const printed = stdout.split("\n");
    const blocks = all(/^text demo$/);
    expect(blocks.length).toBeGreaterThan(0);
    for (const line of blocks.flatMap(({ text }) => text.trimEnd().split("\n"))) {
      expect(printed).toContain(line);
    }
  });
});
