import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { flagOf } from "../../config/load.ts";
import { runConfigSchema } from "../../config/schema.ts";
import { ALL_TABLES, type AnyTableName } from "../../src/model/comparison-tables.ts";
import { TABLES } from "../../src/model/tables.ts";
import { listQueries } from "../../src/query/query-library.ts";
import { tablesPage } from "../../src/report/tables-page.ts";
import { WEIGHT_PRESETS } from "../../src/stages/weight.ts";
import { pages } from "../words/pages.ts";
import { parsed, ROOT } from "./sources.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const PAGES = pages(/^docs\//);

describe("pages are complete", () => {
  it("configuration names every setting, its option and its default", () => {
    const text = read("docs/configuration.md");
    const keys = Object.keys(runConfigSchema.shape);
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
    const flags = keys.filter((key) => key !== "models").map((key) =>
      key === "neo4j" ? "--neo4j-uri" : key === "guess" ? "--no-guess" : `--${flagOf(key)}`
    );
    expect(flags.filter((flag) => !text.includes(`\`${flag}`))).toEqual([]);
  });

  it("tables is what npm run tables makes of the definitions", () => {
    expect(read("docs/tables.md")).toBe(tablesPage());
  });

  it("tables say of every column of every table its type, unit, meaning, range, formula, and when it is null", () => {
    const [, ...sections] = read("docs/tables.md").split(/^## /m);
    const said = sections.map((section) => {
      const rows = section.split("\n").filter((line) => line.startsWith("| `"));
      return [section.split("\n")[0], rows.map((row) => row.slice(2, -2).split(" | "))] as const;
    });
    expect(said.map(([table]) => table)).toEqual(Object.keys(ALL_TABLES));
    for (const [table = "", rows] of said) {
      const columns = ALL_TABLES[table as AnyTableName];
      expect(rows.map(([name, type]) => [name, type]), table).toEqual(
        columns.map(({ name, type }) => [`\`${name}\``, `\`${type}\``]),
      );
      for (const [at, cells] of rows.entries()) {
        const { name, nullable } = columns[at]!;
        expect(cells.length, `${table}.${name}`).toBe(7);
        expect(cells.every((cell) => cell.trim().length > 0), `${table}.${name}`).toBe(true);
        expect(cells[6] !== "never", `${table}.${name}`).toBe(nullable);
        // Markdown would take a star between letters for emphasis.
        expect(cells.join(" "), `${table}.${name}`).not.toMatch(/\S\*|\*\S/);
      }
    }
  });

  it("tables have the formulas of the presets of a weight", () => {
    const weight = TABLES.edges.find(({ name }) => name === "weight");
    for (const [name, { expression }] of WEIGHT_PRESETS) {
      expect(weight?.meaning.formula).toContain(`${name}: ${expression}`);
    }
  });

  it("queries name every query of the library", async () => {
    const text = read("docs/queries.md");
    const names = (await listQueries()).map(({ name }) => name);
    expect(names.filter((name) => !text.includes(`\`@${name}\``))).toEqual([]);
  });

  it("the glossary has what concepts explain", () => {
    const [, glossary = ""] = read("docs/concepts.md").split("## Glossary");
    const terms = ["unfolding", "spectral neuron", "overlap", "rotation null", "null neuron", "cluster"];
    const more = [
      "near-kernel",
      "part",
      "null control",
      "shared channels test",
      "dominant connection",
      "edge",
    ];
    expect([...terms, ...more].filter((term) => !new RegExp(`^\\| [^|]*${term}`, "m").test(glossary)))
      .toEqual([]);
    const rows = glossary.split("\n").filter((line) => /^\| (?!term|---)/.test(line)).map((line) =>
      line.toLowerCase()
    );
    expect(rows).toEqual([...rows].sort((a, b) => a.localeCompare(b, "en")));
  });
});

describe("the architecture", () => {
  const text = read("docs/architecture.md");
  const steps = [...text.matchAll(/^\| (\d+) \| `([^`]+)` \| `([^`]+)` \|/gm)];

  it("follows a tensor through at most twelve files, which have the functions that it names", () => {
    expect(steps.length).toBeGreaterThanOrEqual(8);
    expect(steps.length).toBeLessThanOrEqual(12);
    expect(steps.map(([, number]) => Number(number))).toEqual(steps.map((_, at) => at + 1));
    for (const [, , path = "", name = ""] of steps) {
      const exported = new RegExp(`^export (?:async )?(?:function\\*? |const |class )${name}\\b`, "m");
      expect(parsed(path).text, `${path}: ${name}`).toMatch(exported);
    }
  });

  it("draws the same files, in the same order", () => {
    const [drawing] = PAGES.find(({ path }) => path.endsWith("architecture.md"))!.blocks;
    const drawn = [...drawing!.text.matchAll(/\["([^"]+)"\]/g)].map(([, path]) => path);
    expect(drawn).toEqual(steps.map(([, , path]) => path));
  });

  it("names rooms that there are", () => {
    const rooms = [...text.matchAll(/^\| `([^`]+)`(?:, `([^`]+)`)? \|/gm)].flatMap(([, a, b]) => [a, b]);
    const missing = rooms.filter((room) => room !== undefined && !existsSync(join(ROOT, room)));
    expect(rooms.length).toBeGreaterThan(15);
    expect(missing).toEqual([]);
  });
});

describe("decisions", () => {
  const INDEX = "docs/decisions/README.md";
  const decisions = PAGES.map(({ path }) => path).filter((path) =>
    path.startsWith("docs/decisions/") && path !== INDEX
  );

  it("are pages of 10 to 25 lines with context, decision and consequence", () => {
    expect(decisions.length).toBeGreaterThan(100);
    const wrong = decisions.filter((path) => {
      const lines = read(path).trimEnd().split("\n");
      const headings = lines.filter((line) => line.startsWith("#"));
      const number = /\/(\d{3})-[a-z0-9-]+\.md$/.exec(path)?.[1] ?? "none";
      return lines.length < 10 || lines.length > 25 || !headings[0]?.startsWith(`# ${number}. `) ||
        headings.slice(1).join() !== "## Context,## Decision,## Consequence";
    });
    expect(wrong).toEqual([]);
  });

  it("have numbers of their own, and stand in the index by their titles", () => {
    const index = read(INDEX);
    const numbers = decisions.map((path) => /(\d{3})-/.exec(path)?.[1]);
    expect(new Set(numbers).size).toBe(numbers.length);
    const unlisted = decisions.filter((path) => {
      const [number, title] = read(path).split("\n")[0]!.slice(2).split(/\. (.*)/);
      return !index.includes(`- [${number}](${path.slice("docs/decisions/".length)}) ${title}`);
    });
    expect(unlisted).toEqual([]);
  });
});
