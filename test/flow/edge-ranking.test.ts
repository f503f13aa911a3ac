import { describe, expect, it } from "vitest";
import { EdgeRanking } from "../../src/flow/edge-ranking.ts";
import type { EdgeColumns } from "../../src/model/graph.ts";
import { gaussian } from "../support/layer-fixture.ts";

interface Row {
  readonly source: number;
  readonly sourceNeuron: number;
  readonly target: number;
  readonly targetNeuron: number;
  readonly overlap: number;
  readonly significant: boolean;
}

function columns(rows: readonly Row[]): EdgeColumns {
  const floats = Float64Array.from(rows, ({ overlap }) => overlap);
  return {
    count: rows.length,
    sourceNeuron: Int32Array.from(rows, (row) => row.sourceNeuron),
    targetNeuron: Int32Array.from(rows, (row) => row.targetNeuron),
    overlap: floats,
    cosine: null,
    logP: floats,
    logQ: floats,
    sigma: floats,
    weight: floats,
    significant: Uint8Array.from(rows, ({ significant }) => significant ? 1 : 0),
  };
}

/** Layer 0 feeds layers 1 to 6; overlaps are few numbers, so that many are equal. */
function random(seed: number): Row[][] {
  const next = gaussian(seed);
  const below = (n: number) => Math.floor(Math.abs(next() * 1000)) % n;
  return [1, 2, 3, 4, 5, 6].map((target) =>
    Array.from({ length: 40 }, (): Row => ({
      source: 0,
      sourceNeuron: below(4),
      target,
      targetNeuron: below(8),
      overlap: below(6) / 8,
      significant: below(3) > 0,
    }))
  );
}

describe("the ranking of a model's edges", () => {
  it.each([1, 2, 3, 4, 5])(
    "is that of a sort of all of them, whatever order connections come in (seed %i)",
    (seed) => {
      const connections = random(seed);
      const key = ({ sourceNeuron, target, targetNeuron }: Row) =>
        (sourceNeuron * 10 + target) * 10 + targetNeuron;
      const sorted = connections.flat().sort((a, b) => b.overlap - a.overlap || key(a) - key(b)).slice(0, 10);
      for (const order of [connections, [...connections].reverse()]) {
        const ranking = new EdgeRanking();
        for (const rows of order) ranking.add({ source: 0, target: rows[0]!.target, part: 0 }, columns(rows));
        expect(
          ranking.edges.map((edge) => [edge.overlap, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron]),
        )
          .toEqual(sorted.map((row) => [row.overlap, row.sourceNeuron, row.target, row.targetNeuron]));
        for (const { neuron, end, strongest, edges, layers } of ranking.hubs()) {
          if (end === "target") continue;
          const own = connections.flat().filter((row) => row.sourceNeuron === neuron && row.significant);
          expect(strongest).toHaveLength(
            sorted.filter((row) => row.sourceNeuron === neuron && row.significant).length,
          );
          expect(edges).toBe(own.length);
          expect(layers).toBe(new Set(own.map(({ target }) => target)).size);
        }
        expect(ranking.hubs().filter(({ end }) => end === "source").map(({ neuron }) => neuron).sort())
          .toEqual(
            [0, 1, 2, 3].filter((neuron) =>
              sorted.filter((row) => row.sourceNeuron === neuron && row.significant).length >= 3
            ),
          );
      }
    },
  );

  it("knows no hub whose edges are not significant, or go to one layer only", () => {
    const edge = (target: number, targetNeuron: number, significant: boolean): Row => ({
      source: 0,
      sourceNeuron: 1,
      target,
      targetNeuron,
      overlap: 0.5,
      significant,
    });
    const hubsOf = (rows: readonly Row[]) => {
      const ranking = new EdgeRanking();
      for (const row of rows) ranking.add({ source: 0, target: row.target, part: 0 }, columns([row]));
      return ranking.hubs().map(({ layer, neuron, layers }) => ({ layer, neuron, layers }));
    };
    expect(hubsOf([edge(1, 0, true), edge(2, 0, true), edge(3, 0, false)])).toEqual([]);
    expect(hubsOf([edge(1, 0, true), edge(1, 1, true), edge(1, 2, true)])).toEqual([]);
    expect(hubsOf([edge(1, 0, true), edge(2, 0, true), edge(3, 0, true)])).toEqual([{
      layer: 0,
      neuron: 1,
      layers: 3,
    }]);
  });
});
