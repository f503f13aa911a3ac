import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderLake } from "../../../connectors/lake/folder.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "lake-texts-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

describe("a text of a lake in a folder", () => {
  const name = "_manifest.json";
  const replaced = (place: LakePlace, text: string) => place.replaceText(name, () => text);

  it("is what others have left, however they have written it", async () => {
    const [mine, other] = [folderLake(out), folderLake(out)];
    expect(await mine.readText(name)).toBe(null);
    await replaced(mine, "mine");
    expect(await mine.readText(name)).toBe("mine");
    await replaced(other, "yours");
    expect(await mine.readText(name)).toBe("yours");
    await replaced(other, "ours!");
    expect(await mine.readText(name), "of the same length").toBe("ours!");
    await writeFile(join(out, name), "in place");
    expect(await mine.readText(name)).toBe("in place");
    const seen: (string | null)[] = [];
    await mine.replaceText(name, (before) => {
      seen.push(before);
      return `${before} again`;
    });
    expect(seen).toEqual(["in place"]);
    expect(await other.readText(name)).toBe("in place again");
    await rm(join(out, name));
    expect(await mine.readText(name)).toBe(null);
  });

  it("loses nothing where two writers take turns", async () => {
    const places = [folderLake(out), folderLake(out)];
    await Promise.all(
      Array.from(
        { length: 60 },
        (_, at) => places[at % 2]!.replaceText(name, (before) => `${before ?? ""}${at} `),
      ),
    );
    const found = (await folderLake(out).readText(name))!.trim().split(" ").map(Number);
    expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, at) => at));
  });
});
