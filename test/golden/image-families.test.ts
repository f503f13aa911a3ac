/** What only configs tell of networks of images, and what is nearly one: beside `families.test.ts`, on the same networks. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { layerGraph } from "../../src/stages/layers.ts";
import { tensorOf } from "../support/layer-fixture.ts";

interface Family {
  readonly config: Record<string, unknown>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

const FAMILIES = JSON.parse(
  readFileSync(new URL("files/image-families.json", import.meta.url), "utf8"),
) as Record<string, Family>;

/** The layer graph of a family under other names, without some tensors, or with another config. */
function graphOf(
  family: string,
  { renamed = (name) => name, without = /^$/, config = FAMILIES[family]!.config }: {
    readonly renamed?: (name: string) => string;
    readonly without?: RegExp;
    readonly config?: Record<string, unknown>;
  } = {},
) {
  const tensors = Object.entries(FAMILIES[family]!.tensors).filter(([name]) => !without.test(name));
  return layerGraph({ tensors: tensors.map(([name, shape]) => tensorOf(renamed(name), shape)), config });
}

describe("UNet2DConditionModel", () => {
  it("has no connections through heads where no config says how many there are", () => {
    const [known, unknown] = [graphOf("unet-2d-condition"), graphOf("unet-2d-condition", { config: {} })];
    const isHead = ({ via }: { readonly via: string }) => via === "attention-head";
    expect(known.connections.filter(isHead)).toHaveLength(2 * 2 * 4);
    expect(unknown.evidence).toBe("declared");
    expect(unknown.connections).toEqual(known.connections.filter((each) => !isHead(each)));
    expect(unknown.warnings).toEqual([
      expect.stringMatching(/number of attention heads not known: .* attention_head_dim/),
    ]);
  });

  it("is not claimed where words are as wide as a map, and no config says what attention reads", () => {
    const { config } = FAMILIES["unet-2d-condition-words"]!;
    const { only_cross_attention: _, ...others } = config;
    const graph = graphOf("unet-2d-condition-words", { config: others });
    expect(graph.evidence).toBe("guessed");
    expect(graph.warnings[0]).toMatch(/attn1\.to_k\.weight".*required only_cross_attention/);
  });

  it.each([
    ["a block up takes no skip", /^up_blocks\.1\.resnets\.1\./],
    ["a block down leaves nothing behind", /^down_blocks\.0\.downsamplers\./],
    ["a normalization is missing", /^mid_block\.resnets\.0\.norm2\.weight/],
    ["a block has one attention less", /^up_blocks\.1\.attentions\.1\./],
  ])("is not claimed where %s", (_, without) => {
    const graph = graphOf("unet-2d-condition", { without });
    expect(graph.evidence).toBe("guessed");
    expect(graph.warnings[0]).toMatch(/looks like a known architecture.*UNet2DConditionModel/);
  });
});

describe("AutoencoderKL", () => {
  it("is the same under the names that diffusers had for attention before", () => {
    const formerly = { to_q: "query", to_k: "key", to_v: "value", "to_out.0": "proj_attn" };
    const renamed = (name: string) =>
      Object.entries(formerly).reduce((now, [to, from]) => now.replace(`.${to}.`, `.${from}.`), name);
    const [now, before] = [graphOf("autoencoder-kl"), graphOf("autoencoder-kl", { renamed })];
    expect(before.warnings).toEqual([]);
    expect(before.connections).toEqual(now.connections);
    expect(before.layers.map(({ name }) => name)).toEqual(
      now.layers.map(({ name }) => renamed(`${name}.`).slice(0, -1)),
    );
  });

  it("says where the path of the variances ends", () => {
    expect(graphOf("autoencoder-kl").skipped).toContainEqual({
      subject: "connection",
      name: "quant_conv (variances) -> post_quant_conv",
      reason: "logarithms of variances scale noise",
    });
  });
});

describe("YOLO", () => {
  const wider = (by: number) => (name: string, shape: readonly number[]) =>
    /dfl|proto|\.(22|24)\./.test(name)
      ? shape
      : shape.map((extent, i) => i < 2 && extent > 3 ? by * extent : extent);

  it("is not claimed with other repeats or at another scale than published", () => {
    for (
      const [family, says] of [["yolov8n", /blocks, required 2, as published/], [
        "yolov5nu",
        /required 2, as published/,
      ]] as const
    ) {
      const graph = graphOf(family, { without: /^model\.4\.m\.1\./ });
      expect(graph.evidence).toBe("guessed");
      expect(graph.warnings[0]).toMatch(says);
    }
    const scale = wider(3);
    const tensors = Object.entries(FAMILIES["yolov8n"]!.tensors).map(([name, shape]) =>
      tensorOf(name, scale(name, shape))
    );
    const graph = layerGraph({ tensors });
    expect(graph.evidence).toBe("guessed");
    expect(graph.warnings[0]).toMatch(
      /model\.0\.conv\.weight": found 48 out channels, required those of a published network/,
    );
  });
});
