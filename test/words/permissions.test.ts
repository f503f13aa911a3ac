import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DENO } from "../../.config/checks.ts";
import { execute, ROOT } from "../integration/svr.ts";
import { pages } from "./pages.ts";
import { makeProject } from "./project.ts";
import { commandsOf } from "./shell.ts";

const PAGE = pages(/^docs\/platforms\.md$/)[0]!;

/** A line of the page's table: what it is, the permissions besides, and the command. */
const LINES = PAGE.prose.flatMap((line) => {
  const cells = /^\| ([^|]+) \| (?:`(--allow[^`]*)`)? ?\| `([^`]+)` \|$/.exec(line);
  if (cells === null) return [];
  const [, what = "", permissions = "", command = ""] = cells;
  return [{ what, permissions: permissions.split(" ").filter(Boolean), command: commandsOf(command)[0]! }];
});
const ALWAYS = ["--allow-read", "--allow-env"];

let parent = "";
let folder = "";
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "svr-permissions-"));
  folder = await makeProject(parent);
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const onDeno = (permissions: readonly string[], program: readonly string[]) =>
  execute(DENO, ["run", "--no-prompt", "--quiet", ...permissions, ...program], {
    cwd: folder,
    env: { NO_COLOR: "1" },
  });

describe("the permissions that the page names for Deno", () => {
  it("are there for every kind of command", () => {
    expect(LINES.length).toBeGreaterThanOrEqual(10);
  });

  it.each(LINES)("suffice, and none is too many: $what", async ({ permissions, command }) => {
    const program = [join(ROOT, "src/cli.ts"), ...command];
    const all = [...ALWAYS, ...permissions];
    for (const left of all) {
      const { code, stderr } = await onDeno(all.filter((each) => each !== left), program);
      expect([code, stderr], left).toEqual([1, expect.stringMatching(/Requires \w+ access to/)]);
    }
    const { code, stderr } = await onDeno(all, program);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Requires")]);
  });

  it("suffice for the library", async () => {
    const [example] = PAGE.blocks.filter(({ language, how }) => `${language} ${how}` === "ts deno");
    const { permissions } = LINES.find(({ what }) => what === "and the embedded graph")!;
    await writeFile(join(folder, "example.ts"), example!.text);
    await rm(join(folder, "graphs"), { recursive: true, force: true });
    expect(await onDeno([...ALWAYS, ...permissions], ["example.ts"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\n$/) as string,
    });
  });
});
