import { describe, expect, it } from "vitest";
import { depths } from "../../src/analysis/findings/depths.ts";
import type { ModelFacts } from "../../src/analysis/findings/facts.ts";
import { type Finding, NO_CONTROL, ranked } from "../../src/analysis/findings/finding.ts";
import { findings, remarks } from "../../src/analysis/findings/findings.ts";
import { modelFigures } from "../../src/analysis/findings/figures.ts";
import type { Row } from "../../src/model/tables.ts";
import { chainFacts, chainOf, connectionRow, layerRow, NO_MEASURES, TEST } from "./findings-facts.ts";

const five = (row: (index: number) => Row = () => ({})) =>
  Array.from({ length: 5 }, (_, index) => layerRow(index, row(index)));
const four = (row: (source: number) => Row = () => ({})) =>
  Array.from({ length: 4 }, (_, source) => connectionRow(source, source + 1, row(source)));
const of = (facts: ModelFacts, kind: Finding["kind"]) => findings(facts).filter((each) => each.kind === kind);
const numbers = ({ numbers: all }: Finding) =>
  Object.fromEntries(all.map(({ name, value }) => [name, value]));
const controls = ({ numbers: all }: Finding) =>
  Object.fromEntries(all.map(({ name, control }) => [name, control]));

describe("how deep layers lie", () => {
  it("is the longest way, whatever the order of layers; recurrent, tied and looping connections lead nowhere", () => {
    const flow = (pairs: readonly (readonly [number, number, string?])[]) =>
      pairs.map(([source, target, via = "direct"]) => ({ source, target, via }));
    expect(depths(4, flow([[0, 1], [1, 2], [0, 2], [2, 3]]))).toEqual([0, 1, 2, 3]);
    expect(depths(4, flow([[3, 2], [2, 1], [1, 0]]))).toEqual([3, 2, 1, 0]);
    expect(depths(3, flow([[0, 1], [1, 1, "recurrent"], [1, 2], [2, 0, "tied"]]))).toEqual([0, 1, 2]);
    expect(depths(3, flow([[0, 1], [1, 2], [2, 1]]))[0]).toBe(0);
    expect(depths(0, [])).toEqual([]);
  });

  it("decides which are deep: the second half of the convolutions where these are most of the layers", () => {
    expect(chainFacts(five(), four()).deep).toEqual([3, 4]);
    const head = five((index) => index === 4 ? { kind: "linear" } : {});
    expect(chainFacts(head, four()).deep).toEqual([2, 3]);
    expect(chainFacts(five(() => ({ kind: "linear" })), four()).deep).toEqual([3, 4]);
    expect(chainFacts(five().slice(0, 3), four().slice(0, 2)).deep).toEqual([]);
    expect(chainFacts(five(), []).deep).toEqual([]);
  });
});

describe("edges beyond chance", () => {
  it("are counted over connections between deep layers, with the tail of the count", () => {
    const [finding] = of(
      chainFacts(five(), four((source) => source === 3 ? { nominal: 100 } : {})),
      "excess-edges",
    );
    expect(numbers(finding!)).toMatchObject({ edges: 100, pairs: 4096, ratio: 100 / 4.096 });
    expect(finding!.title).toMatch(/^The 1 connection between deep layers holds 24\.41 times/);
    // P(X >= 100) of a binomial of mean 4.096, by Stirling's bound of its first term: about 1e-98.
    expect(finding!.surprise! / Math.LN10).toBeCloseTo(-98.6, 0);
    expect(finding!.table!.rows).toEqual([["layer3", "layer4", 0, 100, 4096, 4.096, 100 / 4.096, 0]]);
    expect(finding!.null_control).toBe(NO_CONTROL);
  });

  it("may be fewer, and stand last where they are as chance gives", () => {
    const [few] = of(chainFacts(five(), four(() => ({ nominal: 0, tests: 100_000 }))), "excess-edges");
    expect(few!.surprise).toBeCloseTo(Math.LN2 + 100_000 * Math.log1p(-0.001), 6);
    const all = findings(chainFacts(five(() => ({ near_kernels: 3 })), four()));
    expect(all.map(({ kind }) => kind)).toEqual(["near-kernels", "excess-edges"]);
    expect(all[1]!.surprise).toBe(0);
  });

  it("stand beside those of the null control", () => {
    const control = { connections: four(), measures: NO_MEASURES };
    const facts = chainFacts(five(), four(() => ({ nominal: 41 })), { controls: [control] });
    const [finding] = of(facts, "excess-edges");
    expect(controls(finding!)).toMatchObject({ edges: 4, ratio: 4 / 4.096 });
    expect(finding!.null_control).toBe("0.9766 times the edges expected by chance");
    expect(modelFigures(facts, facts.controls[0]).edges_ratio).toBe(4 / 4.096);
  });

  it.each([
    [6, "1 of 3 reaches the model's own 1.465"],
    [5, "2 of 3 reach the model's own 1.221"],
    [4, "1 of 3 is as low as the model's own 0.9766"],
    [41, "0 of 3 reach the model's own 10.01"],
  ])("of which the model has %i stand beside mean and spread of several null controls", (nominal, reach) => {
    const controls = [4, 5, 6].map((count) => ({
      connections: four(() => ({ nominal: count })),
      measures: NO_MEASURES,
    }));
    const [finding] = of(chainFacts(five(), four(() => ({ nominal })), { controls }), "excess-edges");
    const [edges, pairs] = finding!.numbers;
    expect(edges).toMatchObject({ name: "edges", value: nominal, control: 5, control_spread: 1 });
    expect(pairs).toMatchObject({ name: "pairs", value: 4096, control: 4096, control_spread: 0 });
    expect(finding!.table).toMatchObject({
      control: [["layer3", "layer4", 0, 5, 4096, 4.096, expect.closeTo(5 / 4.096, 12), 0]],
      control_spread: [[null, null, null, 1, 0, 0, expect.closeTo(1 / 4.096, 12), 0]],
    });
    expect(finding!.null_control).toBe(
      `1.221 ± 0.24 times the edges expected by chance (mean and standard deviation of 3 controls); ${reach}`,
    );
  });
});

describe("near-kernels", () => {
  it("are counted over deep layers, and per layer", () => {
    const [finding] = of(chainFacts(five((index) => ({ near_kernels: index * 10 })), four()), "near-kernels");
    expect(numbers(finding!)).toEqual({ near_kernels: 70, neurons: 128, share: 70 / 128 });
    expect(finding!.title).toContain("54.7 % of the 128 spectral neurons of the 2 deep layers");
    expect(finding!.title).toContain("in all layers 100 of 320");
    expect(finding!.surprise).toBeNull();
    expect(finding!.table!.rows).toHaveLength(5);
  });

  it("are no finding where there is none", () => {
    expect(of(chainFacts(five(), four()), "near-kernels")).toEqual([]);
  });
});

/** More edges and more overlap between near-kernels. */
const MORE = { near_kernel_nominal: 2, near_kernel_energy: 30, near_kernel_log_p: -7 };

describe("what lies between near-kernels", () => {
  const block = (row: Row) =>
    chainFacts(
      five(() => ({ near_kernels: 40 })),
      four(() => ({ near_kernel_tests: 1600, near_kernel_expected: 25, ...row })),
    );

  it("is called sparsification where edges are more and overlap is less than chance gives", () => {
    const facts = block({ near_kernel_nominal: 30, near_kernel_energy: 20, near_kernel_log_p_low: -50 });
    const [finding] = of(facts, "near-kernel-block");
    expect(finding!.title).toMatch(
      /^Spontaneous sparsification: .* 30 edges, 18\.75 times .* only 0\.8 times/,
    );
    expect(numbers(finding!)).toMatchObject({ edges: 30, energy: 20, energy_by_chance: 25 });
    expect(numbers(finding!)["energy_log_p"]).toBeCloseTo(-50, 9);
    expect(modelFigures(facts)).toMatchObject({ block_energy_ratio: 0.8, block_edges_ratio: 18.75 });
  });

  it("takes the tail on whose side it lies", () => {
    const [finding] = of(block(MORE), "near-kernel-block");
    expect(finding!.title).toMatch(/^Between near-kernels of deep layers lie 2 edges, 1\.25 times/);
    expect(numbers(finding!)["energy_log_p"]).toBeCloseTo(-7, 9);
  });

  it.each([
    ["rotation", "svr", [[0, 1], [0, 2]], [[0, 2], [1, 2]]],
    ["rotation", "cosvr", [[0, 2], [1, 2]], [[0, 1], [0, 2]]],
    ["beta", "svr", [[0, 2], [1, 2]], [[0, 1], [0, 2]]],
    ["beta", "cosvr", [[0, 1], [0, 2]], [[0, 2], [1, 2]]],
  ])(
    "combines connections that turn different layers as independent, and no others: %s, %s",
    (name, unfolding, dependent, independent) => {
      const logP = (pairs: readonly (readonly number[])[]) => {
        const rows = pairs.map(([source = 0, target = 0]) =>
          connectionRow(source, target, { near_kernel_tests: 1600, near_kernel_expected: 25, ...MORE })
        );
        const facts = chainFacts(five().slice(0, 3), rows, { test: { ...TEST, null: name, unfolding } });
        return numbers(of(facts, "near-kernel-block")[0]!)["energy_log_p"];
      };
      expect(logP(dependent)).toBeCloseTo(-7 + Math.LN2, 9);
      // Fisher's: of chi2 with 4 degrees of freedom at 28.
      expect(logP(independent)).toBeCloseTo(-14 + Math.log(15), 9);
    },
  );

  it("is no finding where no two near-kernels meet, and has no p where its null is unknown", () => {
    expect(of(chainFacts(five(), four()), "near-kernel-block")).toEqual([]);
    const [finding] = of(block({ near_kernel_nominal: 1, near_kernel_energy: 24 }), "near-kernel-block");
    expect(numbers(finding!)["energy_log_p"]).toBeNull();
  });
});

describe("the dominant connection", () => {
  const measures = (...chains: ReturnType<typeof chainOf>[]) => ({ ...NO_MEASURES, chains });

  it("is a finding for each chain that is more than chance", () => {
    const facts = chainFacts(five(), four(), { measures: measures(chainOf(0, 4, -200), chainOf(2, 2, -1)) });
    const found = of(facts, "dominant-connection");
    expect(found).toHaveLength(1);
    expect(found[0]!.title).toBe(
      "The dominant connection runs through 5 layers, from layer0 to layer4, along neuron 0 of each: overlaps 0.3 to 0.6 " +
        "where chance gives 0.016; joint p = 1.4e-87 after correction over all chains.",
    );
    expect(numbers(found[0]!)).toMatchObject({ edges: 4, sum_log_p: -86, log_p: -200 });
    expect(found[0]!.table!.rows[1]).toEqual([2, "layer1", 0, "layer2", 0, 0, 0.4, 1 / 64, -21]);
    expect(remarks(facts)).toEqual([]);
    expect(modelFigures(facts)).toMatchObject({ chain_layers: 5, chain_log_p: -200, log_path_metric: null });
  });

  it("is said to be none, with the best chain's p", () => {
    const facts = chainFacts(five(), four(), { measures: measures(chainOf(0, 2, -2)) });
    expect(of(facts, "dominant-connection")).toEqual([]);
    expect(remarks(facts)).toEqual([
      "There is no dominant connection at alpha 0.001: the best chain, through 3 layers, has joint p = 0.14.",
    ]);
    expect(remarks(chainFacts([], []))[0]).toMatch(/no two edges that are strong enough/);
  });

  it("stands beside that of the null control", () => {
    const control = { connections: four(), measures: measures(chainOf(1, 2, -0.5)) };
    const [finding] = of(
      chainFacts(five(), four(), { measures: measures(chainOf(0, 4, -200)), controls: [control] }),
      "dominant-connection",
    );
    expect(finding!.null_control).toBe(
      "none at alpha 0.001 in the same model with its channels turned at random: the best chain, through 3 layers, has joint p = 0.61",
    );
    expect(controls(finding!)).toMatchObject({ edges: 2, log_p: -0.5 });
  });

  it.each([
    [-200, "in 1 of 3 controls", "the joint p of 0 of 3 reaches this one's"],
    [-8, "in 1 of 3 controls", "the joint p of 1 of 3 reaches this one's"],
  ])("of ln p %d stands beside those of several null controls", (logP, found, reach) => {
    const controls = [measures(chainOf(1, 2, -0.5)), measures(chainOf(1, 4, -9)), NO_MEASURES]
      .map((each) => ({ connections: four(), measures: each }));
    const [finding] = of(
      chainFacts(five(), four(), { measures: measures(chainOf(0, 4, logP)), controls }),
      "dominant-connection",
    );
    // Of the third, which has no chain, nothing counts but that.
    expect(finding!.numbers.find(({ name }) => name === "edges")).toMatchObject({
      value: 4,
      control: 3,
      control_spread: Math.SQRT2,
    });
    expect(finding!.null_control).toBe(
      `${found} at alpha 0.001; their best chains run through 2.667 ± 2.5 layers (mean and standard deviation), and ${reach}`,
    );
  });
});

describe("layers that stand out", () => {
  const ranks = [10, 11, 9, 10.5, 9.5, 1.2, 10];

  it("are named by their stable rank or largest singular value", () => {
    const layers = ranks.map((stable_rank, index) =>
      layerRow(index, { stable_rank, spectral_norm: 2 + index / 100 })
    );
    const found = of(chainFacts(layers, []), "outlying-layer");
    expect(found.map(({ title }) => title)).toEqual([
      "The layer layer5 stands out by its stable rank: 1.2, far below the median of 7 layers, 10.",
    ]);
  });

  it("are none among few layers, alike layers, or layers of zeros", () => {
    expect(of(chainFacts(five().slice(0, 4), []), "outlying-layer")).toEqual([]);
    expect(of(chainFacts(five((index) => ({ stable_rank: 10 + index / 10 })), []), "outlying-layer")).toEqual(
      [],
    );
    const zeros = five(() => ({ spectral_norm: 0, stable_rank: null }));
    expect(of(chainFacts(zeros, []), "outlying-layer")).toEqual([]);
  });
});

describe("caveats", () => {
  it("name what was guessed, skipped, folded, approximated and small", () => {
    const layers = [
      ...five((index) => ({ batch_norm: index === 1 ? "folded" : "none" })),
      layerRow(5, { rank: null }),
    ];
    const facts = chainFacts(layers, four(() => ({ evidence: "guessed", tested_channels: 3 })), {
      skipped: [{ subject: "layer", name: "layer5", reason: "NaN" }, {
        subject: "connection",
        name: "x",
        reason: "y",
      }],
      warnings: ["layer0: only the 8 leading neurons, by a randomized method; ..."],
    });
    const [finding] = of(facts, "excess-edges");
    for (
      const words of [
        /guessed topology: 4 of 4/,
        /skipped: 1 of 6 layers/,
        /skipped: 1 connection$/,
        /folded into 1/,
        /randomized/,
        /small n: 1 of 1/,
      ]
    ) {
      expect(finding!.caveats.some((caveat) => words.test(caveat)), String(words)).toBe(true);
    }
  });
});

describe("findings", () => {
  it("are ranked: p at most alpha, descriptions, the rest", () => {
    const made = (kind: Finding["kind"], surprise: number | null): Finding => ({
      kind,
      surprise,
      title: "",
      numbers: [],
      queries: [],
      table: null,
      null_control: "",
      caveats: [],
    });
    const order = ranked([
      made("excess-edges", -1),
      made("outlying-layer", null),
      made("near-kernels", null),
      made("excess-edges", -50),
      made("dominant-connection", -300),
    ], Math.log(0.001));
    expect(order.map(({ kind, surprise }) => [kind, surprise])).toEqual([
      ["dominant-connection", -300],
      ["excess-edges", -50],
      ["near-kernels", null],
      ["outlying-layer", null],
      ["excess-edges", -1],
    ]);
  });

  it("are plain JSON without NaN, also of models without layers, with one, and without tests", () => {
    for (
      const facts of [
        chainFacts([], []),
        chainFacts([layerRow(0)], []),
        chainFacts([layerRow(0, { rank: null, spectral_norm: null, stable_rank: null })], []),
        chainFacts(five(), four(() => ({ tests: 0, nominal: 0 }))),
        chainFacts(five(() => ({ near_kernels: 64, rank: 64 })), four(() => ({ near_kernel_tests: 5 }))),
      ]
    ) {
      const all = { found: findings(facts), figures: modelFigures(facts) };
      expect(JSON.parse(JSON.stringify(all))).toEqual(all);
    }
  });
});
