import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../config/document.ts";
import { loadManifest } from "../../config/manifest.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "manifest-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function load(name: string, text: string) {
  await writeFile(join(folder, name), text);
  return await loadManifest(join(folder, name));
}

const DIGEST = "0123456789abcdef".repeat(4);

describe("a manifest", () => {
  it("in YAML and JSON is a list of paths and entries", async () => {
    const expected = [{ path: "a.pt" }, { path: "b/*.pt", series: "b" }, {
      path: "s3://bucket/c",
      sha256: DIGEST,
    }];
    expect(
      await load(
        "list.yaml",
        `- a.pt\n- {path: "b/*.pt", series: b}\n- path: s3://bucket/c\n  sha256: ${DIGEST}\n`,
      ),
    )
      .toEqual(expected);
    expect(await load("list.json", JSON.stringify({ models: expected }))).toEqual(expected);
  });

  it("in CSV has a header, quotes where they are needed, and empty cells for what is not said", async () => {
    const text =
      `\uFEFFpath,id,step,topology,sha256\r\n"odd, ""name"".pt",one,3,,${DIGEST}\r\n\r\nhub:org/b@v1,,,t.yaml,\n`;
    expect(await load("list.csv", text)).toEqual([
      { path: 'odd, "name".pt', id: "one", step: 3, sha256: DIGEST },
      { path: "hub:org/b@v1", topology: "t.yaml" },
    ]);
    expect(await load("one.csv", "path\na.pt")).toEqual([{ path: "a.pt" }]);
  });

  it.each([
    ["x.yaml", "- path: a\n  pth: b\n", /x\.yaml:2:8: .*unknown key "pth", did you mean "path"/],
    ["x.yaml", "- {path: a, sha256: zz}\n", /required 64 hex digits/],
    ["x.yaml", "- {manifest: y.yaml}\n", /unknown key "manifest"/],
    ["x.yaml", "[]\n", /at least 1 entries/],
    ["x.json", '{"models": 3}', /found 3/],
    ["x.csv", "id\na\n", /x\.csv:1: found columns \["id"\], required path/],
    ["x.csv", "path,colour\na,b\n", /found columns/],
    ["x.csv", "path,path\na,b\n", /once each/],
    ["x.csv", "path,id\na,b\nc\n", /x\.csv:3: found 1 cells, required 2/],
    ["x.csv", "path,step\na,soon\n", /x\.csv:2: step/],
    ["x.csv", 'path\n"a\n', /x\.csv:2: found a quote inside a cell, or one without an end/],
    ["x.csv", 'path\na"b\n', /x\.csv:2: found a quote/],
    ["x.csv", "path\n", /found no model/],
    ["x.csv", `path\n${"a\n".repeat(100_001)}`, /more than 100000 models/],
  ])("%s %j is refused", async (name, text, message) => {
    const failure = await load(name, text).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(message);
  });

  it("in Latin-1 is refused, with the line, and not misread", async () => {
    const latin = async (name: string, text: string) => {
      await writeFile(join(folder, name), Buffer.from(text, "latin1"));
      return await loadManifest(join(folder, name)).catch((cause: unknown) => cause);
    };
    const csv = await latin("latin.csv", "path,id\na.pt,a\nmodèle.pt,b\nü.pt,c\n");
    expect(csv).toBeInstanceOf(ConfigError);
    expect(String(csv)).toMatch(
      /latin\.csv:3: found bytes that are no UTF-8 \("modèle\.pt,b" if they are Latin-1\), required text in UTF-8; iconv/,
    );
    expect(String(await latin("last.csv", "path\nmodèle.pt"))).toMatch(
      /last\.csv:2: found bytes that are no UTF-8/,
    );
    expect(String(await latin("latin.yaml", "- modèle.pt\n"))).toMatch(
      /latin\.yaml:1: found bytes that are no UTF-8/,
    );
    expect(await load("unicode.csv", "path\nmodèle 🧠.pt\n")).toEqual([{ path: "modèle 🧠.pt" }]);
  });

  it("beyond its bound is not read", async () => {
    await expect(load("long.csv", `path\n${"x".repeat(33 * 2 ** 20)}`)).rejects.toThrow(
      /required at most 33554432/,
    );
  });
});
