/** Findings claim no more than they show. */

import { describe, expect, it } from "vitest";
import { doubted } from "../../src/analysis/findings/caveats.ts";
import type { FactSources } from "../../src/analysis/findings/facts.ts";
import { findings, remarks } from "../../src/analysis/findings/findings.ts";
import type { Row } from "../../src/model/tables.ts";
import { pValueMeaning } from "../../src/model/p-value.ts";
import { chainFacts, chainOf, connectionRow, layerRow, NO_MEASURES, TEST } from "./findings-facts.ts";

const layers = (count: number, row: (index: number) => Row = () => ({})) =>
  Array.from({ length: count }, (_, index) => layerRow(index, row(index)));
const connections = (count: number, row: (source: number) => Row = () => ({})) =>
  Array.from({ length: count }, (_, source) => connectionRow(source, source + 1, row(source)));

/** A block between near-kernels of which all is more than chance, and both signs of sparsification are there. */
const SPARSIFIED = {
  near_kernel_tests: 1600,
  near_kernel_nominal: 30,
  near_kernel_significant: 20,
  near_kernel_energy: 20,
  near_kernel_expected: 25,
  near_kernel_log_p: 0,
  near_kernel_log_p_low: -50,
};

describe("a finding over layers of which some neurons have not converged", () => {
  const caveats = (unconverged: ReadonlyMap<number, number>) =>
    Object.fromEntries(
      findings(chainFacts(
        layers(5, () => ({ near_kernels: 40 })),
        connections(4, () => ({ ...SPARSIFIED, nominal: 400 })),
        {
          unconverged,
          measures: { ...NO_MEASURES, chains: [chainOf(0, 4, -200)] },
          hubs: [{ layer: 1, neuron: 0, end: "source", edges: 9, layers: 2, strongest: [] }],
        },
      )).map((each) => [each.kind, each.caveats.filter((caveat) => caveat.startsWith("not converged"))]),
    );
  const said = (neurons: string) => [
    `not converged: ${neurons}. They are not tested, and no edge begins or ends there`,
  ];

  it("counts them, among those of its own layers only", () => {
    // The deep layers are the last two, the hub's edges go from the second to the third.
    expect(caveats(new Map([[0, 3], [4, 5]]))).toEqual({
      "excess-edges": said("5 of 64 neurons of 1 layer"),
      "dominant-connection": said("8 of 128 neurons of 2 layers"),
      "near-kernel-block": said("5 of 64 neurons of 1 layer"),
      hub: [],
      "near-kernels": said("5 of 64 neurons of 1 layer"),
    });
    expect(caveats(new Map([[2, 1]]))["hub"]).toEqual(said("1 of 64 neurons of 1 layer"));
    expect(Object.values(caveats(new Map())).flat()).toEqual([]);
  });
});

describe("a finding over guessed connections", () => {
  const titles = (evidence: (source: number) => string, other: Partial<FactSources> = {}) =>
    findings(chainFacts(
      layers(5, () => ({ near_kernels: 40 })),
      connections(4, (source) => ({ ...SPARSIFIED, nominal: 400, evidence: evidence(source) })),
      { measures: { ...NO_MEASURES, chains: [chainOf(0, 4, -200)] }, ...other },
    ))
      .filter(({ surprise }) => surprise !== null)
      .map(({ kind, title }) => [kind, title.slice(0, 72)]);

  it("says so at the beginning of its title, of every kind that rests on connections", () => {
    expect(titles(() => "guessed")).toEqual([
      ["excess-edges", "On a guessed topology: the 1 connection between deep layers holds 97.66 "],
      ["dominant-connection", "On a guessed topology: the dominant connection runs through 5 layers, fr"],
      ["near-kernel-block", "On a guessed topology: spontaneous sparsification: between near-kernels "],
    ]);
  });

  it("says how many of its own connections are guessed; those of others do not count", () => {
    // The deep layers are the last two: their connection is the last.
    expect(titles((source) => source === 0 ? "guessed" : "declared")).toEqual([
      ["excess-edges", "The 1 connection between deep layers holds 97.66 times the edges expecte"],
      ["dominant-connection", "On a topology of which 1 of 4 connections are guessed: the dominant conn"],
      ["near-kernel-block", "Spontaneous sparsification: between near-kernels of deep layers lie 30 e"],
    ]);
    expect(titles((source) => source === 3 ? "guessed" : "graph").map(([, title]) => title)).toEqual([
      expect.stringMatching(/^On a guessed topology: the 1 connection/),
      expect.stringMatching(/^On a topology of which 1 of 4 connections are guessed: the dominant/),
      expect.stringMatching(/^On a guessed topology: spontaneous/),
    ]);
  });

  it("says so of layers too, by all connections of the model", () => {
    const facts = (evidence: (source: number) => string) =>
      findings(chainFacts(
        layers(7, (index) => ({ near_kernels: 7, stable_rank: index === 5 ? 1 : 10 })),
        connections(6, (source) => ({ evidence: evidence(source) })),
      )).filter(({ kind }) => kind === "near-kernels" || kind === "outlying-layer").map(({ title }) => title);
    expect(facts(() => "guessed")).toEqual([
      expect.stringMatching(/^On a guessed topology: [\d.]+ % of the /),
      expect.stringMatching(/^On a guessed topology: the layer layer5 stands out/),
    ]);
    expect(facts((source) => source > 3 ? "guessed" : "graph")).toEqual([
      expect.stringMatching(/^On a topology of which 2 of 6 connections are guessed: [\d.]+ % of the /),
      expect.stringMatching(
        /^On a topology of which 2 of 6 connections are guessed: the layer layer5 stands out/,
      ),
    ]);
    expect(facts(() => "declared").filter((title) => title.includes("guessed"))).toEqual([]);
  });

  it.each(["graph", "declared", "inferred"])("says nothing of that where it is %s", (evidence) => {
    expect(titles(() => evidence).filter(([, title]) => title!.includes("guessed"))).toEqual([]);
    const { connections: known } = chainFacts(layers(5), connections(4, () => ({ evidence })));
    expect(doubted("The title.", known)).toBe("The title.");
    expect(doubted("The title.", [])).toBe("The title.");
  });
});

describe("sparsification", () => {
  const title = (row: Row, test = TEST) => {
    const facts = chainFacts(
      layers(5, () => ({ near_kernels: 40 })),
      connections(4, () => ({ ...SPARSIFIED, ...row })),
      { test },
    );
    return findings(facts).find(({ kind }) => kind === "near-kernel-block")!.title;
  };

  it("is named where there are more edges, and less overlap, each by itself beyond chance", () => {
    expect(title({})).toBe(
      "Spontaneous sparsification: between near-kernels of deep layers lie 30 edges, 18.75 times what chance gives, " +
        "while their total overlap is only 0.8 times what chance gives.",
    );
  });

  it("is not named for one edge where a third of one is expected", () => {
    expect(title({ near_kernel_tests: 330, near_kernel_nominal: 1 })).toBe(
      "Between near-kernels of deep layers lies 1 edge, 3.03 times what chance gives, while their total overlap is 0.8 times what chance gives.",
    );
  });

  it("does not begin with no edges where chance gives none either", () => {
    // One connection of deep layers, 100 pairs at 0.001.
    expect(title({ near_kernel_tests: 100, near_kernel_nominal: 0 })).toBe(
      "Between near-kernels of deep layers the total overlap is 0.8 times what chance gives; no edge lies there, and chance gives 0.1.",
    );
    expect(title({ near_kernel_tests: 1600, near_kernel_nominal: 0 })).toMatch(/ lie 0 edges, 0 times /);
  });

  // ln 0.001 is -6.907755...; of one connection, Fisher's combined p is its own.
  it.each([[-6.9078, true], [-6.9077, false], [null, false], [-0.1, false]])(
    "needs an energy whose p is at most alpha: ln p = %s",
    (near_kernel_log_p_low, named) => {
      expect(title({ near_kernel_log_p_low }).startsWith("Spontaneous")).toBe(named);
    },
  );

  // P(X >= 7) and P(X >= 6) of a Poisson count of mean 1.6, which the binomial is nearly: 1.3e-3 and 6e-3; of 8: 2.6e-4.
  it.each([[8, true], [7, false], [6, false]])(
    "needs a count whose two-sided p is at most alpha: %s edges where 1.6 are expected",
    (near_kernel_nominal, named) => {
      expect(title({ near_kernel_nominal }).startsWith("Spontaneous")).toBe(named);
    },
  );

  it("is neither fewer edges nor more overlap, however far from chance", () => {
    expect(title({ near_kernel_tests: 160_000 })).toMatch(
      /^Between near-kernels .* lie 30 edges, 0\.1875 times/,
    );
    expect(title({ near_kernel_energy: 40, near_kernel_log_p: -50 })).toMatch(
      /^Between near-kernels .* 1\.6 times/,
    );
  });

  it("is tested at the run's own alpha", () => {
    expect(title({ near_kernel_log_p_low: -5 }, { ...TEST, alpha: 0.01 })).toMatch(/^Spontaneous/);
    expect(title({ near_kernel_log_p_low: -5 })).toMatch(/^Between/);
  });
});

describe("layers of zeros", () => {
  const zeros = (count: number, null_neurons: number) =>
    remarks(chainFacts(
      layers(8, (index) => index < count ? { null_neurons, spectral_norm: 0, stable_rank: null } : {}),
      [],
    )).filter((remark) => !remark.startsWith("There is no dominant connection"));

  it("are named in words, with the number of neurons that have no direction", () => {
    expect(zeros(1, 64)).toEqual([
      "1 layer is zero (layer0): none of the 64 neurons there has a direction, and no edge ends at them.",
    ]);
    expect(zeros(5, 64)).toEqual([
      "5 layers are zero (layer0, layer1, layer2, layer3, layer4): none of the 320 neurons there has a direction, and no edge ends at them.",
    ]);
    expect(zeros(6, 64)).toEqual([
      "6 layers are zero (layer0, layer1, layer2, layer3, layer4 and others): none of the 384 neurons there has a direction, and no edge ends at them.",
    ]);
  });

  it("are not those of which some neuron has a direction, nor those without a spectrum", () => {
    expect(zeros(8, 63)).toEqual([]);
    expect(zeros(8, 0)).toEqual([]);
    const skipped = { rank: null, near_kernels: null, null_neurons: null, spectral_norm: null };
    expect(remarks(chainFacts([layerRow(0, skipped)], [])).filter((each) => each.includes("zero"))).toEqual(
      [],
    );
  });

  it("may have long names", () => {
    const [, remark] = remarks(chainFacts([layerRow(0, { name: "x".repeat(5000), null_neurons: 64 })], []));
    expect(remark!.length).toBeLessThan(300);
  });
});

describe("the layer whose vectors are random under the null", () => {
  const DENSE = {};
  const GROUPED = { groups: 4 };
  const DEPTHWISE = { groups: 64 };

  it.each([
    ["rotation", "svr", DENSE, DENSE, 0],
    ["rotation", "svr", GROUPED, DENSE, 0],
    ["rotation", "svr", DENSE, DEPTHWISE, 0],
    ["rotation", "svr", DEPTHWISE, DENSE, 1],
    ["rotation", "cosvr", DENSE, DENSE, 1],
    ["rotation", "cosvr", DENSE, GROUPED, 1],
    ["rotation", "cosvr", DEPTHWISE, DENSE, 1],
    ["rotation", "cosvr", DENSE, DEPTHWISE, 0],
    ["beta", "svr", DENSE, DENSE, 1],
    ["beta", "cosvr", DENSE, DENSE, 0],
    ["chi2", "svr", DENSE, DENSE, 1],
    ["chi2", "cosvr", DENSE, DENSE, 0],
  ])("is, under %s in %s, from %j to %j: %i", (name, unfolding, source, target, expected) => {
    const facts = chainFacts([layerRow(0, source), layerRow(1, target)], [connectionRow(0, 1)], {
      test: { ...TEST, null: name, unfolding },
    });
    expect(facts.connections[0]!.random).toBe(expected);
  });

  it("goes by the channels of the side that is met, not of the other", () => {
    // A depthwise layer with a multiplier has two out channels per group: those can be turned.
    const twofold = { out_channels: 128, in_channels: 64, groups: 64 };
    const random = (unfolding: string, source: Row, target: Row) =>
      chainFacts([layerRow(0, source), layerRow(1, target)], [connectionRow(0, 1)], {
        test: { ...TEST, unfolding },
      }).connections[0]!.random;
    expect(random("svr", twofold, { in_channels: 128 })).toBe(0);
    expect(random("cosvr", {}, twofold)).toBe(0);
  });
});

describe("what a p-value says", () => {
  it.each(["rotation", "beta", "chi2"])(
    "stands first beside every finding that has one, under %s",
    (name) => {
      const facts = chainFacts(
        layers(5, () => ({ near_kernels: 40 })),
        connections(4, () => ({ ...SPARSIFIED, nominal: 400 })),
        { measures: { ...NO_MEASURES, chains: [chainOf(0, 4, -200)] }, test: { ...TEST, null: name } },
      );
      const tested = findings(facts).filter(({ surprise }) => surprise !== null);
      expect(tested).toHaveLength(3);
      for (const { caveats } of tested) expect(caveats[0]).toBe(pValueMeaning(name).short);
    },
  );
});

describe("connections of which the permutation test sees no shared channels", () => {
  const caveats = (row: (source: number) => Row) =>
    findings(chainFacts(layers(5), connections(4, (source) => ({ nominal: 400, ...row(source) })), {
      measures: { ...NO_MEASURES, chains: [chainOf(0, 4, -200)] },
    })).flatMap(({ kind, caveats: all }) =>
      all.filter((caveat) => caveat.startsWith("no shared channels seen")).map((
        caveat,
      ) => [kind, caveat.slice(25, 70)])
    );

  it("are counted beside what is found in them, where they have significant edges", () => {
    expect(caveats((source) => ({ significant: 3, shared_log_p: source < 2 ? -60 : -1 }))).toEqual([
      ["excess-edges", "in 1 of 1 connections with significant edges "],
      ["dominant-connection", "in 2 of 4 connections with significant edges "],
    ]);
  });

  it("are not where channels are shared, the test could not be made, or nothing is significant", () => {
    expect(caveats(() => ({ significant: 3, shared_log_p: -7 }))).toEqual([]);
    expect(caveats(() => ({ significant: 3, shared_log_p: null }))).toEqual([]);
    expect(caveats(() => ({ significant: 0, shared_log_p: -1 }))).toEqual([]);
  });
});

describe("connections of sparse layers", () => {
  const refused = { sparse: true, tests: 0, nominal: 0, significant: 0, shared_log_p: -1 };
  const facts = (row: (source: number) => Row) =>
    chainFacts(layers(5), connections(4, (source) => ({ nominal: 400, ...row(source) })), {
      measures: { ...NO_MEASURES, chains: [chainOf(2, 2, -200)] },
      controls: [{ connections: connections(4), measures: NO_MEASURES }],
    });

  it("that are not tested are named, and said beside every finding", () => {
    const some = facts((source) => source < 2 ? refused : {});
    expect(remarks(some)).toEqual([
      expect.stringMatching(/^2 of 4 connections are not tested \(layer0 -> layer1, layer1 -> layer2\): /),
    ]);
    const all = findings(some);
    expect(all).toHaveLength(2);
    for (const { caveats } of all) {
      expect(caveats.filter((caveat) => caveat.startsWith("2 of 4 connections are not tested"))).toHaveLength(
        1,
      );
    }
  });

  it("are in no finding where none is tested", () => {
    const none = chainFacts(layers(5), connections(4, () => refused));
    expect(findings(none)).toEqual([]);
    expect(remarks(none)[1]).toMatch(/^4 of 4 connections are not tested /);
  });

  it("are counted where they are tested: their edges are too many", () => {
    const open = findings(facts((source) => source > 1 ? { sparse: true, shared_log_p: -60 } : {}));
    const said = open.map(({ kind, caveats }) => [
      kind,
      ...caveats.filter((caveat) => caveat.startsWith("zero weights")).map((caveat) => caveat.slice(14, 35)),
    ]);
    expect(said).toEqual([
      ["excess-edges", "in 1 of 1 connections"],
      ["dominant-connection", "in 2 of 2 connections"],
    ]);
  });

  it("that are not tested are not in the null control's figures either", () => {
    // The only one between deep layers: all others are spoken of, of model and control.
    const [excess] = findings(facts((source) => source === 3 ? refused : {}));
    expect(excess!.kind).toBe("excess-edges");
    expect([excess!.table!.rows.length, excess!.table!.control!.length]).toEqual([3, 3]);
  });
});
