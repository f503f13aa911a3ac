import { describe, expect, it } from "vitest";
import { requireReading } from "../../connectors/sinks/cypher-guard.ts";

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
