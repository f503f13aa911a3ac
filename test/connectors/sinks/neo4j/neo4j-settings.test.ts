import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { findCredentials, neo4jSettings } from "../../../../connectors/sinks/neo4j/neo4j-settings.ts";

describe("settings of a graph server", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "neo4j-settings-"));
    for (const name of ["URI", "USERNAME", "PASSWORD", "DATABASE", "AUTH"]) {
      vi.stubEnv(`NEO4J_${name}`, undefined);
    }
  });
  afterEach(() => {
    for (const name of ["URI", "USERNAME", "PASSWORD", "DATABASE", "AUTH"]) {
      vi.stubEnv(`NEO4J_${name}`, undefined);
    }
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    "neo4j://a",
    "neo4j+s://abc.example:7687",
    "neo4j+ssc://a",
    "bolt://[::1]:7687",
    "bolt+s://a",
    "bolt+ssc://a",
  ])(
    "take %s",
    (uri) =>
      expect(neo4jSettings({ uri })).toEqual({ uri, database: "neo4j", labelPrefix: "", patience: 60 }),
  );

  it("take address and database from the environment where nothing else is said", () => {
    vi.stubEnv("NEO4J_URI", "bolt://env");
    vi.stubEnv("NEO4J_DATABASE", "lake");
    expect(neo4jSettings()).toMatchObject({ uri: "bolt://env", database: "lake" });
    expect(neo4jSettings({ uri: "bolt://own", database: "own" })).toMatchObject({
      uri: "bolt://own",
      database: "own",
    });
  });

  it.each(["neo4j://user:hunter2@host", "hunter2@host", "bolt://hunter2@host:1/x", "bolt:hunter2@x"])(
    "refuse an address with a password, and do not repeat it: %s",
    (uri) => {
      expect(() => neo4jSettings({ uri })).toThrow(/user name or password \(not shown\)/);
      expect(() => neo4jSettings({ uri })).not.toThrow(/hunter2/);
    },
  );

  it.each([
    [{}, /found no address, required neo4j.uri/],
    [{ uri: "http://x" }, /found address "http:\/\/x", required one such as neo4j:\/\/localhost:7687/],
    [{ uri: "bolt://" }, /found address/],
    [{ uri: "bolt://x", labelPrefix: "a`b" }, /label prefix "a`b": required/],
    [{ uri: "bolt://x", labelPrefix: "1a" }, /no digit first/],
    [{ uri: "bolt://x", patience: Number.NaN }, /required 0 to 3600 seconds/],
  ])("refuse %j", (choices, message) => expect(() => neo4jSettings(choices)).toThrow(message));

  it("find the password in the environment or a file, and say where they looked", async () => {
    const settings = neo4jSettings({ uri: "bolt://x" });
    await expect(findCredentials(settings)).rejects.toThrow(
      /no password in the environment, required NEO4J_PASSWORD/,
    );
    vi.stubEnv("NEO4J_AUTH", "ann/a/b");
    expect(await findCredentials(settings)).toEqual({ username: "ann", password: "a/b" });
    vi.stubEnv("NEO4J_PASSWORD", "p");
    expect(await findCredentials(settings)).toEqual({ username: "ann", password: "p" });
    const file = join(folder, "aura.env");
    await writeFile(file, '# console\r\nNEO4J_USERNAME=bob\r\nexport NEO4J_PASSWORD="x=y # z"\r\n');
    expect(await findCredentials({ ...settings, credentials: file })).toEqual({
      username: "bob",
      password: "x=y # z",
    });
    await writeFile(file, "hunter2\n");
    await expect(findCredentials({ ...settings, credentials: file })).rejects.toThrow(
      /no password in credentials file/,
    );
    await expect(findCredentials({ ...settings, credentials: file })).rejects.not.toThrow(/hunter2/);
    await expect(findCredentials({ ...settings, credentials: join(folder, "none") })).rejects.toThrow(
      /no such file/,
    );
  });
});
