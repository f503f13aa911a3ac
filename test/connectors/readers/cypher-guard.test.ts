import { describe, expect, it } from "vitest";
import { requireReading } from "../../../connectors/readers/cypher-guard.ts";

describe("Cypher that only reads", () => {
  it.each([
    "MATCH (n) RETURN n",
    "match (n:Layer {name: 'COPY x TO y'}) return n.load, n.call limit 3;",
    "OPTIONAL MATCH (n) RETURN count(*)",
    "WITH 1 AS x RETURN x",
    "UNWIND [1, 2] AS x RETURN x",
    "RETURN 1 // LOAD FROM 'x'",
    "/* COPY a TO b */ RETURN 'ATTACH'",
    "RETURN `LOAD` FROM_x",
    "EXPLAIN MATCH (n) RETURN n",
    "PROFILE MATCH (n) RETURN n",
    "CALL show_tables() RETURN *",
    "MATCH (call)-[load]->(m) RETURN call.id AS load",
    "MATCH (n:COPY) RETURN n",
    "MATCH (n {name: '\\u00e9'}) RETURN n.call, n.load AS csv",
    "MATCH (n) WITH n AS call MATCH (m) WHERE call.id = m.id RETURN m",
    "MATCH (n) WHERE n.name = 'it\\'s LOAD FROM here' RETURN n",
  ])("takes %j", (cypher) => {
    expect(() => requireReading(cypher)).not.toThrow();
  });

  it.each([
    "COPY (MATCH (n) RETURN n) TO 'x.csv'",
    "COPY Model FROM 'x.parquet'",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "LOAD FROM 'secret.csv' RETURN *",
    "load/**/from 'secret.csv' RETURN *",
    "MATCH (n) WITH n LOAD FROM 'secret.csv' RETURN *",
    "LOAD WITH HEADERS (a INT64) FROM 'x.csv' RETURN a",
    "ATTACH 'x.db' AS y (dbtype duckdb)",
    "INSTALL httpfs",
    "CALL threads=2",
    "CALL unknown_procedure() RETURN *",
    "MATCH (n) CALL `show_tables`() RETURN n",
    "MATCH (n) CALL dbms.listConfig() YIELD name RETURN name",
    "MATCH (n) CALL apoc . load . json('file:///x') YIELD value RETURN value",
    "LOAD CSV FROM 'file:///x' AS line RETURN line",
    "MATCH (n) LOAD CSV WITH HEADERS FROM 'http://x' AS line RETURN line",
    "MATCH (n) LOAD\u00a0FROM 'secret.csv' RETURN *",
    "MATCH (n) LOAD\u2028FROM 'secret.csv' RETURN *",
    "MATCH (n) WHERE EXISTS { MATCH (m) LOAD FROM 'x' RETURN * } RETURN n",
    "MATCH (n) WHERE n.id <> 'a\\\\' LOAD FROM 'x' RETURN * //'",
    "RETURN 1 AS x UNION ALL LOAD FROM 'x' RETURN x",
    "CALL show_tables() RETURN * UNION CALL read_parquet('x') RETURN *",
    "CALL file_info('x') RETURN *",
    "CALL project_graph('G', ['Model'], [])",
    "USE GRAPH x MATCH (n) RETURN n",
    "PROFILE COPY Model TO 'x.csv'",
    "EXPLAIN EXPLAIN LOAD FROM 'x' RETURN *",
    "CREATE (n:Model {id: 'x'})",
    "DROP TABLE Model",
    "ALTER TABLE Model ADD x INT64",
    "CHECKPOINT",
    "BEGIN TRANSACTION",
    "RETURN 1; DROP TABLE Model",
    "EXPLAIN COPY Model FROM 'x.parquet'",
    "",
    "  // nothing",
    ";",
    "RETURN 'never ends",
    "RETURN 1 /* never ends",
    "RETURN `never ends",
    "\u0000COPY Model FROM 'x'",
  ])("refuses %j", (cypher) => {
    expect(() => requireReading(cypher)).toThrow(SyntaxError);
  });
});

describe("Cypher that only reads a graph server", () => {
  it.each([
    "MATCH (n:SpectralNeuron) RETURN n",
    "MATCH (l:Layer) CALL { WITH l MATCH (l)-->(n) RETURN count(n) AS c } RETURN l.name, c",
    "MATCH (l:Layer) CALL (l) { MATCH (l)-->(n) RETURN count(n) AS c } RETURN l.name, c",
    "CALL db.labels() YIELD label RETURN label",
    "CALL db.labels",
    "CALL db . schema . visualization()",
    "MATCH (n) RETURN n.call AS call, n.load, 'LOAD CSV FROM x'",
    "MATCH p = shortestPath((a)-[*]-(b)) RETURN reduce(s = 0, r IN relationships(p) | s + 1)",
    "RETURN '\\\\n'",
  ])("takes %j", (cypher) => {
    expect(() => requireReading(cypher, "neo4j")).not.toThrow();
  });

  it.each([
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "MATCH (n) WITH n load /* x */ csv WITH HEADERS FROM 'http://x' AS row RETURN row",
    "CALL apoc.load.json('http://x')",
    "CALL { LOAD CSV FROM 'x' AS row RETURN row } RETURN row",
    "CALL { CALL apoc.export.csv.all('x', {}) YIELD file RETURN file } RETURN file",
    "CALL dbms.listConfig()",
    "CALL db.labels.x()",
    "CALL `db`.labels()",
    "CALL `db.labels`()",
    "CALL db.createLabel('x')",
    "MATCH (n) CALL apoc.refactor.rename.label('a', 'b') YIELD total RETURN total",
    "RETURN 1 //\n\\u004COAD CSV FROM 'x' AS y",
    "MATCH (n) WHERE n.x = '\\u0027 RETURN n // ' RETURN n",
    "USE system SHOW DATABASES",
    "SHOW USERS",
    "CREATE (n)",
    "CYPHER 5 MATCH (n) RETURN n",
    "ALTER USER neo4j SET PASSWORD 'x'",
    "TERMINATE TRANSACTIONS 'x'",
    "MATCH (n) RETURN n; MATCH (n) DETACH DELETE n",
  ])("refuses %j", (cypher) => {
    expect(() => requireReading(cypher, "neo4j")).toThrow(SyntaxError);
  });
});

it.each([
  "MATCH (n) WHERE n.id = '\\u0027 LOAD CSV FROM \\u0027x\\u0027 AS line RETURN line //'",
  "MATCH (n) \\u004cOAD CSV FROM 'x' AS line RETURN line",
  "MATCH (n) /* \\uu002a\\u002f LOAD CSV FROM 'x' AS line RETURN line //*/ RETURN n",
])("refuses %j, in which a server would find more than is seen", (cypher) => {
  expect(() => requireReading(cypher, "neo4j")).toThrow(SyntaxError);
});
