import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseConfigDocument } from "../../config/document.ts";
import { parseTopology } from "../../config/load.ts";
import { loadManifest } from "../../config/manifest.ts";
import { runConfigSchema } from "../../config/schema.ts";
import { COMPARISON_RELATIONS } from "../../connectors/sinks/comparison-graph.ts";
import { GRAPH_TABLES } from "../../connectors/sinks/graph-schema.ts";
import { bindQuery, loadQuery } from "../../src/query/query-library.ts";
import { withServer } from "../../src/query/server-options.ts";
import { queuedRunOf, workerOf, type WorkerOptions } from "../../src/cli/scale/worker-options.ts";
import { withPlugins } from "../../src/cli/run-arguments.ts";
import { type Understood, understood } from "../words/command-line.ts";
import { fileOf, typeErrors } from "../words/examples.ts";
import { type Block, DOCUMENTATION, nameOf, pages, parsePage } from "../words/pages.ts";
import { parsePython } from "../words/python.ts";
import { argumentsOfSvr, commandsOf } from "../words/shell.ts";
import { ROOT } from "./sources.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const PAGES = pages();
const BLOCKS = PAGES.filter(({ path }) => DOCUMENTATION.test(path)).flatMap(({ blocks }) => blocks);
const blocksOf = (language: string, how?: RegExp) =>
  BLOCKS.filter((block) => block.language === language && (how === undefined || how.test(block.how)));

/** What is done with a block: here, or in `test/words/examples.test.ts` (runs). */
const KINDS = [
  ...["sh", "sh run", "ts", "ts run", "ts file", "ts deno", "yaml", "yaml topology", "csv manifest"],
  ...["cypher", "cypher file", "sql", "python", "mermaid", "text files", "text demo", "text graph"],
];

/** Blocks that nothing checks, by kind or by page, and why. */
const NOT_CHECKED: Readonly<Record<string, string>> = {
  "text formula": "a formula: the golden files of test/stats and test/stages test what it says",
};

/** Programs of shell blocks that are not ours, and why no test starts them. */
const FOREIGN: Readonly<Record<string, string>> = {
  "apt-get": "installs a library on the host",
  "brew": "installs a library on the host",
  "docker": "starts a server; test/neo4j starts one of its own",
  "sbatch": "hands a script to Slurm; test/run/workers does so",
  "export": "sets variables of the shell; the page on configuration lists those that we read",
};

describe("pages", () => {
  it("are short where they must be: the README in 150 lines", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });

  it("show the two commands in the README", () => {
    const blocks = PAGES.find(({ path }) => path === "README.md")?.blocks.map(({ text }) => text.trim());
    expect(blocks).toEqual(expect.arrayContaining(["npm ci && npm run demo", "npm ci && npm test"]));
  });

  it("have lines of 120 characters at most, outside of tables and code", () => {
    const long = PAGES.flatMap(({ path, prose }) =>
      prose.flatMap((line, at) => line.length > 120 && !line.startsWith("|") ? [`${path}:${at + 1}`] : [])
    );
    expect(long).toEqual([]);
  });

  it("show code in fences, so that a test finds it", () => {
    const indented = PAGES.flatMap(({ path, prose }) =>
      prose.flatMap((line, at) =>
        /^ {4,}\S/.test(line) && (prose[at - 1] ?? "") === "" ? [`${path}:${at + 1}`] : []
      )
    );
    expect(indented).toEqual([]);
  });

  it("link to what there is, headings too", () => {
    const slug = (heading: string) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    const headings = (path: string) =>
      (PAGES.find((page) => page.path === path)?.prose ?? []).flatMap((line) => {
        const [, heading] = /^#+ (.*)$/.exec(line) ?? [];
        return heading === undefined ? [] : [slug(heading)];
      });
    const broken = PAGES.flatMap(({ path, prose }) =>
      [...prose.join("\n").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)
        .filter((target) => !/^[a-z]+:/.test(target)).filter((target) => {
          const [file = "", anchor] = target.split("#");
          const there = file === "" ? path : normalize(join(dirname(path), file)).replaceAll("\\", "/");
          return !existsSync(join(ROOT, there)) ||
            anchor !== undefined && !headings(there).includes(anchor);
        }).map((target) => `${path}: ${target}`)
    );
    expect(broken).toEqual([]);
  });

  it("are found from the README", () => {
    const readme = read("README.md");
    const unnamed = PAGES.map(({ path }) => path).filter((path) => /^docs\/[^/]+\.md$/.test(path))
      .filter((path) => !readme.includes(`(${path})`));
    expect(unnamed).toEqual([]);
  });

  it("name no place of a machine", () => {
    const named = PAGES.filter(({ path }) => /(^|[\s`"(])\/(work|root|home)\//m.test(read(path)));
    expect(named.map(({ path }) => path)).toEqual([]);
  });
});

describe("blocks", () => {
  it("are of a kind that a test runs or checks, or stand in the list of those that none does", () => {
    expect(BLOCKS.length).toBeGreaterThan(50);
    const kinds = BLOCKS.map((block) =>
      fileOf(block) === null ? `${block.language} ${block.how}`.trim() : `${block.language} file`
    );
    const unknown = BLOCKS.filter((_, at) =>
      !KINDS.includes(kinds[at]!) && NOT_CHECKED[kinds[at]!] === undefined
    );
    expect(unknown.map(nameOf)).toEqual([]);
    expect(Object.keys(NOT_CHECKED).filter((kind) => !kinds.includes(kind))).toEqual([]);
  });

  it("of TypeScript compile, strictly", () => {
    expect(blocksOf("ts").length).toBeGreaterThanOrEqual(7);
    // One that does not, to see that it is seen.
    const text = 'import { run } from "svrflow/run";\nawait run({ model: 1 });\n';
    const wrong: Block = { page: "wrong.md", line: 1, language: "ts", how: "", text };
    const errors = typeErrors([...blocksOf("ts"), wrong]);
    expect(errors.filter((error) => !error.startsWith("wrong.md"))).toEqual([]);
    expect(errors.join()).toContain("model");
  });

  it.each(blocksOf("yaml", /^$/).map((block) => [nameOf(block), block] as const))(
    "%s is a config",
    (_, block) => {
      const value = parseConfigDocument(block.page, block.text).value as Record<string, unknown>;
      const checked = runConfigSchema.safeParse({ models: "model.safetensors", ...value });
      expect(checked.error?.issues ?? []).toEqual([]);
    },
  );

  it.each(blocksOf("yaml", /^topology$/).map((block) => [nameOf(block), block] as const))(
    "%s is a topology",
    (_, { page, text }) => expect(() => parseTopology(page, text)).not.toThrow(),
  );

  it.each(blocksOf("csv").map((block) => [nameOf(block), block] as const))(
    "%s is a manifest",
    async (_, { text }) => {
      const folder = await mkdtemp(join(tmpdir(), "svr-words-"));
      const path = join(folder, "models.csv");
      try {
        await writeFile(path, text);
        expect((await loadManifest(path)).length).toBeGreaterThan(0);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  it("of Python are parsed by Python", () => {
    const blocks = blocksOf("python");
    expect(blocks.length).toBeGreaterThan(0);
    const skipped = blocks.filter(({ text }) => parsePython(text) === null);
    if (skipped.length > 0) {
      console.info(`not run, there is no python3: ${skipped.map(nameOf).join("; ")}`);
    }
  });

  it("of the graph name labels, relations and properties that it has", () => {
    for (const { text } of blocksOf("text", /^graph$/)) {
      const patterns = [...text.matchAll(/:(\w+)(?: \{([^}]*)\})?/g)];
      expect(patterns.length).toBeGreaterThan(5);
      for (const [, name = "", properties = ""] of patterns) {
        const columns = [...GRAPH_TABLES, ...COMPARISON_RELATIONS].find((table) => table.name === name)
          ?.columns.map((column) => column.name);
        expect(columns, name).toBeDefined();
        expect(columns).toEqual(expect.arrayContaining(properties.split(", ").filter((each) => each !== "")));
      }
    }
  });
});

describe("shell blocks", () => {
  const commands = blocksOf("sh").flatMap((block) =>
    commandsOf(block.text).map((words) => ({ block, words, svr: argumentsOfSvr(words) }))
  );
  const ours = commands.flatMap(({ block, svr }) => svr === null ? [] : [{ block, svr }]);
  let answers: readonly Understood[] = [];
  beforeAll(() => {
    answers = understood(ours.map(({ svr }) => svr));
  });

  it("are split into commands as a shell does", () => {
    const text =
      `npx svr query "a 'b' \\"c\\"\n d" 'e "f' # comment\nA=1 npm test -- x > y.txt && svr lake sql z|duckdb w\n`;
    expect(commandsOf(text)).toEqual([
      ["npx", "svr", "query", "a 'b' \"c\"\n d", 'e "f'],
      ["A=1", "npm", "test", "--", "x"],
      ["svr", "lake", "sql", "z"],
      ["duckdb", "w"],
    ]);
    expect(parsePage("x.md", "a\n```sh run\nb\n```\nc\n").prose).toEqual(["a", "", "", "", "c", ""]);
  });

  it("say what the command line understands", () => {
    expect(ours.length).toBeGreaterThan(40);
    const wrong = ours.flatMap(({ block, svr }, at) => {
      const answer = answers[at]!;
      return "error" in answer ? [`${nameOf(block)}: svr ${svr.join(" ")}: ${answer.error}`] : [];
    });
    expect(wrong).toEqual([]);
    expect(
      understood([["run", "--nonsense"], ["plot", "my-run"], ["nothing"]]).every((each) => "error" in each),
    )
      .toBe(true);
  });

  it("give settings that a run takes", () => {
    const issues = answers.flatMap((answer) => {
      if ("error" in answer || answer.command !== "run") return [];
      const { json: _json, quiet: _quiet, verbose: _verbose, dryRun: _dry, share, lease, queue, ...options } =
        withPlugins(withServer(answer.options));
      workerOf({ share, lease } as WorkerOptions, false);
      queuedRunOf({ share, lease, queue } as WorkerOptions, false);
      return runConfigSchema.safeParse({ models: answer.arguments[0], ...options }).error?.issues ?? [];
    });
    expect(issues).toEqual([]);
  });

  it("ask for queries that there are, with the parameters that they take", async () => {
    const asked = answers.flatMap((answer) =>
      "command" in answer && answer.command === "query" && String(answer.arguments[0]).startsWith("@")
        ? [{ name: String(answer.arguments[0]).slice(1), options: answer.options }]
        : []
    );
    expect(asked.length).toBeGreaterThan(5);
    for (const { name, options } of asked) {
      const query = await loadQuery(name);
      const given = options["param"] as Record<string, string>;
      if (options["list"] !== true) {
        const model = query.parameters.some((each) => each.name === "model") ? { model: "a" } : {};
        bindQuery(query, { ...model, ...given }, { dialect: "embedded" });
      }
    }
  });

  it("call npm scripts, tasks and files that there are, and other programs only where the list says why", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, string> };
    const unknown = commands.filter(({ svr }) => svr === null).map(({ words }) =>
      words.filter((word) => !/^[A-Z_]+=/.test(word))
    ).filter(([program = "", first = "", second = "", third = ""]) => {
      if (program === "npm") {
        return !["ci", "test", "install"].includes(first) && scripts[second] === undefined;
      }
      if (program === "npx" && first === "deno") return second !== "task" || tasks[third] === undefined;
      if (program === "node" || program === "python3") return !existsSync(join(ROOT, first));
      // Ours stands in for it where blocks run.
      return program !== "duckdb" && FOREIGN[program] === undefined;
    });
    expect(unknown).toEqual([]);
  });
});
