import { describe, expect, it } from "vitest";
import { type GraphReader } from "../../src/mod.ts";
import { askQuery, bindQuery, listQueries, loadQuery, queryOf } from "../../src/run.ts";
import { hasHeader, parseHeader } from "../../src/query/query-header.ts";

const TEXT = `// What it answers,
// on two lines.
//
// @param model  model  the model's id
// @param name  text = "a b"  some text
// @param share  number -1..0.5 = 0.25  some share
// @literal hops  integer 1..8 = 2  number of edges
// @literal loud  boolean = false  a switch
// @column n  integer?  how many
MATCH (a:Model {id: $model})-[:X*$hops..$hops]->(b) WHERE b.name = $name AND b.loud >= $loud AND b.share > $share
RETURN count(*) AS n
`;
const query = queryOf("test", TEXT, "// Neo4j's\n// own\nMATCH (n:Layer) RETURN n.hops_$hops\n");
const bind = (
  given: Record<string, unknown>,
  store: Pick<GraphReader, "dialect" | "labelPrefix"> = { dialect: "embedded" },
) => bindQuery(query, given, store);

describe("a query's header", () => {
  it("says what it answers, takes and returns", () => {
    expect(query.summary).toBe("What it answers, on two lines.");
    expect(query.parameters).toEqual([
      { name: "model", type: "model", literal: false, description: "the model's id" },
      { name: "name", type: "text", literal: false, description: "some text", default: "a b" },
      {
        name: "share",
        type: "number",
        literal: false,
        description: "some share",
        default: 0.25,
        least: -1,
        greatest: 0.5,
      },
      {
        name: "hops",
        type: "integer",
        literal: true,
        description: "number of edges",
        default: 2,
        least: 1,
        greatest: 8,
      },
      { name: "loud", type: "boolean", literal: true, description: "a switch", default: false },
    ]);
    expect(query.columns).toEqual([{ name: "n", type: "integer", nullable: true, description: "how many" }]);
    expect(query.statements.neo4j).toBe("MATCH (n:Layer) RETURN n.hops_$hops");
  });

  it.each([
    [
      "// Answers.\n// @param x  wrong  y\nRETURN 1",
      /line 2: found "@param x {2}wrong {2}y", required a parameter/,
    ],
    ["// Answers.\n// @param x  text\nRETURN 1", /a description, two spaces apart/],
    ["// Answers.\n// @param x text described\nRETURN 1", /a description, two spaces apart/],
    ['// Answers.\n// @param x  integer = "1"  y\nRETURN 1', /parameter's type/],
    ["// Answers.\n// @param x  integer = 1.5  y\nRETURN 1", /parameter's type/],
    ["// Answers.\n// @param x  text 1..2  y\nRETURN 1", /parameter's type/],
    ["// Answers.\n// @literal x  text  y\nRETURN 1", /parameter's type/],
    ["// Answers.\n// @literal x  model  y\nRETURN 1", /parameter's type/],
    ["// Answers.\n// @column x  map  y\nRETURN 1", /column's type/],
    ["// Answers.\n// @clumn x  text  y\nRETURN 1", /required @param, @literal or @column/],
    ["// Answers.\n// @param x  text  y\n// @param x  text  y\nRETURN 1", /each name once/],
    ["// @param x  text  y\nRETURN 1", /no line that says what it answers/],
    ["// Answers.\n// @param x  text  y\n", /no statement/],
  ])("is refused: %j", (text, message) => {
    expect(() => parseHeader(text, "x.cypher")).toThrow(SyntaxError);
    expect(() => parseHeader(text, "x.cypher")).toThrow(message);
  });

  it("is told from a comment", () => {
    expect(hasHeader(TEXT)).toBe(true);
    expect(hasHeader("// A comment.\nMATCH (n) RETURN n")).toBe(false);
  });
});

describe("values for a query", () => {
  it("take their defaults, and are read as the types say", () => {
    expect(bind({ model: "007" }).parameters).toEqual({ model: "007", name: "a b", share: 0.25 });
    expect(bind({ model: "m", name: "1", share: "-1e-1" }).parameters).toEqual({
      model: "m",
      name: "1",
      share: -0.1,
    });
    const { cypher } = bind({ model: "m", hops: "5", loud: true });
    expect(cypher).toContain("[:X*5..5]");
    expect(cypher).toContain("b.loud >= true");
    expect(cypher).not.toMatch(/\$hops|\$loud/);
  });

  it("are handed to Neo4j in its own text, labels with their prefix", () => {
    const { cypher } = bind({ model: "m", hops: 3 }, { dialect: "neo4j", labelPrefix: "Svr" });
    expect(cypher).toBe("MATCH (n:SvrLayer) RETURN n.hops_3");
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [
      {},
      /^query test, parameter model: found none, required a model's id; it takes model \(a model's id\), name/,
    ],
    [
      { model: "m", nmae: "x" },
      /^query test: found parameter "nmae"; it takes .*loud \(true or false, by default false\)$/,
    ],
    [{ model: "m", __proto__x: 1 }, /found parameter "__proto__x"/],
    [{ model: 7 }, /parameter model: found 7, required a model's id/],
    [{ model: "m", name: null }, /parameter name: found null, required text/],
    [{ model: "m", share: "much" }, /parameter share: found "much", required a number from -1 to 0.5/],
    [{ model: "m", share: 0.6 }, /parameter share: found 0.6, required a number from -1 to 0.5/],
    [{ model: "m", share: NaN }, /found NaN/],
    [{ model: "m", share: Infinity }, /found Infinity/],
    [{ model: "m", hops: 0 }, /parameter hops: found 0, required an integer from 1 to 8/],
    [{ model: "m", hops: 2.5 }, /found 2.5, required an integer/],
    [{ model: "m", hops: "2]->(x) DETACH DELETE x //" }, /parameter hops: found "2\]->/],
    [{ model: "m", hops: ["2"] }, /found \["2"\]/],
    [{ model: "m", loud: "yes" }, /parameter loud: found "yes", required true or false/],
    [{ model: "m", loud: 1 }, /found 1, required true or false/],
  ])("%j are refused", (given, message) => {
    expect(() => bind(given)).toThrow(message);
    expect(() => bind(given)).toThrow(/it takes model/);
  });

  it("do not come from an object's prototype", () => {
    expect(() => bind(Object.create({ model: "m" }) as Record<string, unknown>)).toThrow(
      /parameter model: found none/,
    );
    const odd = queryOf(
      "odd",
      '// Odd.\n// @param constructor  text = "x"  y\n// @column c  text  y\nRETURN $constructor AS c',
    );
    expect(bindQuery(odd, {}, { dialect: "embedded" }).parameters).toEqual({ constructor: "x" });
  });
});

describe("asking", () => {
  const graph = (...ids: string[]): GraphReader & { asked: unknown[] } => {
    const asked: unknown[] = [];
    return {
      dialect: "embedded",
      asked,
      close: () => Promise.resolve(),
      query: (cypher, parameters) => {
        if (cypher.startsWith("MATCH (m:Model) RETURN m.id")) {
          return Promise.resolve({ columns: ["id"], rows: ids.map((id) => [id]) });
        }
        asked.push(parameters);
        return Promise.resolve({ columns: ["n"], rows: [] });
      },
    };
  };

  it("needs no model where the graph holds one", async () => {
    const reader = graph("only");
    await askQuery(reader, query);
    expect(reader.asked).toEqual([{ model: "only", name: "a b", share: 0.25 }]);
    await expect(askQuery(graph("a", "b"), query)).rejects.toThrow(
      'query test, parameter model: found none, required a model of the graph: "a", "b"',
    );
  });

  it("names the models there are where there is none such", async () => {
    await expect(askQuery(graph("a", 'b"\n'), query, { model: "c" })).rejects.toThrow(
      'query test, parameter model: found "c", required a model of the graph: "a", "b\\"\\n"',
    );
    await expect(askQuery(graph(), query, { model: "c" })).rejects.toThrow(/of the graph: it holds none/);
    const many = Array.from({ length: 30 }, (_, at) => `model-${at}`);
    await expect(askQuery(graph(...many), query, { model: "c" })).rejects.toThrow(/"model-9" and 20 more$/);
  });

  it("takes an empty model for all of them where the query says so", async () => {
    const reader = graph("a", "b");
    await askQuery(reader, await loadQuery("strongest-edges"), {});
    expect(reader.asked).toEqual([{ model: "", significant: false, limit: 20 }]);
  });

  it.each(["hubz", "../queries/hubs", "", "hubs.neo4j", "HUBS", "__proto__"])(
    "knows no query %j",
    async (name) => {
      await expect(loadQuery(name)).rejects.toThrow(
        /found none of that name, required one of appeared-vanished, chains/,
      );
    },
  );
});

describe("the library's columns", () => {
  /** Ways to say which layer and which neuron: an index, and beside it the name. */
  const NAMED: readonly (readonly [index: RegExp, name: string, type: string])[] = [
    [/^layer_index$/, "layer_name", "integer"],
    [/^layer_indices$/, "layer_names", "list"],
    [/^other_layer_index$/, "other_layer_name", "integer"],
    [/^(source|middle|target|base|other)_layer$/, "$1_name", "integer"],
  ];
  /** In other words nothing is said of layers: those are the tables' for something else, or nobody's. */
  const OTHERWISE = /^(layer|layers|source|middle|target)$/;

  /** Of a model there are so many layers; Gephi asks for the words of the other. */
  const ALLOWED: Readonly<Record<string, readonly string[]>> = {
    "models": ["layers"],
    "subgraph-edges": ["source", "target"],
  };

  it("name layers in one way, by index and by name", async () => {
    let found = 0;
    for (const { name: query, columns } of await listQueries()) {
      const types = new Map(columns.map(({ name, type }) => [name, type]));
      for (const [index, name, type] of NAMED) {
        for (const each of columns.map((column) => column.name)) {
          if (!index.test(each)) continue;
          found++;
          expect(types.get(each), `${query}, ${each}`).toBe(type);
          expect(types.get(each.replace(index, name)), `${query}, ${each}`).toBe(
            type === "list" ? "list" : "text",
          );
        }
      }
      const names = columns.filter(({ name }) => /(^|_)(layer_)?names?$/.test(name)).length;
      const indices = columns.filter(({ name }) => NAMED.some(([index]) => index.test(name))).length;
      // WeightWatcher's own names are others.
      expect(names, query).toBe(query === "weightwatcher" ? 1 : indices);
      const otherwise = columns.filter(({ name }) => OTHERWISE.test(name)).map(({ name }) => name);
      expect(otherwise, query).toEqual(ALLOWED[query] ?? []);
    }
    expect(found).toBeGreaterThanOrEqual(25);
  });
});

it("a statement for Neo4j keeps the parameters and puts the prefix before labels only", async () => {
  for (const query of await listQueries()) {
    const given = Object.fromEntries(
      query.parameters.map((
        { name, type, default: value },
      ) => [name, value ?? (type === "integer" ? 1 : "x")]),
    );
    const { cypher, parameters } = bindQuery(query, given, { dialect: "neo4j", labelPrefix: "Svr" });
    expect(cypher).not.toMatch(/:(?:Model|Layer|SpectralNeuron)\b/);
    expect(cypher).toMatch(/:Svr(?:Model|Layer|SpectralNeuron)\b/);
    expect(cypher).not.toMatch(/Svr(?:CONNECTS|FEEDS|HAS_)/);
    const named = [...cypher.matchAll(/\$([a-z_]+)/g)].map(([, each]) => each);
    expect([...new Set(named)].sort()).toEqual(Object.keys(parameters).sort());
  }
});
