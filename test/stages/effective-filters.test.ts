import { describe, expect, it } from "vitest";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { ChannelRange, Layer, Unfolding } from "../../src/model/layer.ts";
import { effectiveFilters, type FilterChoice, filterShape } from "../../src/stages/effective-filters.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { connectionOf, layerOf, spectrumOf } from "../support/layer-fixture.ts";

const kernel = openReferenceKernel();
const whole: readonly ChannelRange[] = [{ source: 0, target: 0, length: 12 }];

/** Source and target layer, and the channels between them. */
const KINDS: Readonly<Record<string, readonly [Layer, Layer, readonly ChannelRange[]]>> = {
  direct: [layerOf(0, 12, 5), layerOf(1, 7, 12), whole],
  convolutions: [layerOf(0, 12, 5, { positions: 4 }), layerOf(1, 7, 12, { positions: 9 }), whole],
  grouped: [
    layerOf(0, 12, 6, { groups: 2, positions: 2 }),
    layerOf(1, 6, 12, { groups: 3, positions: 4 }),
    whole,
  ],
  depthwise: [layerOf(0, 12, 5), layerOf(1, 12, 12, { groups: 12, positions: 9 }), whole],
  "slice, split and repeats": [
    layerOf(0, 12, 5, { positions: 3 }),
    layerOf(1, 7, 20, { positions: 2 }),
    [{ source: 6, target: 1, length: 4 }, { source: 6, target: 9, length: 4 }, {
      source: 0,
      target: 17,
      length: 2,
    }],
  ],
};

const cases = Object.keys(KINDS).flatMap((kind) =>
  (["svr", "cosvr"] as const).map((mode) => [kind, mode] as const)
);

function setUp(kind: string, unfolding: Unfolding) {
  const [from, to, channels] = KINDS[kind]!;
  const connection = connectionOf(0, 1, channels);
  return { connection, source: spectrumOf(from, unfolding, 11, 1), target: spectrumOf(to, unfolding, 9, 2) };
}

/** The whole tensor, from blocks of so many bytes. */
function gathered({ connection, source, target }: ReturnType<typeof setUp>, choice: FilterChoice = {}) {
  const [rows, z, width] = filterShape(connection, source, target, choice);
  const out = new Float64Array(rows * z * width);
  const first = choice.targets?.[0] ?? 0;
  let next = first;
  for (const block of effectiveFilters(connection, source, target, choice)) {
    expect(block.first).toBe(next);
    expect(block.filters).toHaveLength(block.rows * z * width);
    next += block.rows;
    out.set(block.filters, (block.first - first) * z * width);
  }
  expect(next - first).toBe(rows);
  return { out, rows, z, width };
}

describe("effective filters", () => {
  it.each(cases)(
    "have the overlaps as their squares, summed over positions: %s, %s",
    async (kind, unfolding) => {
      const given = setUp(kind, unfolding);
      const { out, rows, z, width } = gathered(given);
      expect([rows, z, width]).toEqual([
        9,
        (unfolding === "svr" ? given.target : given.source).layer.positions,
        11,
      ]);
      let above = 0;
      for await (
        const { first, rows: count, overlap } of overlapBlocks(
          given.connection,
          given.source,
          given.target,
          kernel,
        )
      ) {
        for (let i = 0; i < count; i++) {
          for (let j = 0; j < width; j++) {
            let sum = 0;
            for (let k = 0; k < z; k++) sum += out[((first + i) * z + k) * width + j]! ** 2;
            expect(sum).toBeCloseTo(overlap[i * width + j]!, 13);
            if (sum > 1e-3) above++;
          }
        }
      }
      expect(above).toBeGreaterThan(9);
    },
  );

  it("are the cosines, sign and all, where there is one position", async () => {
    const given = setUp("direct", "svr");
    for await (const { cosine } of overlapBlocks(given.connection, given.source, given.target, kernel)) {
      gathered(given).out.forEach((value, at) => expect(value).toBeCloseTo(cosine![at]!, 14));
    }
  });

  it.each(cases)("are the same in small blocks, and for some neurons only: %s, %s", (kind, unfolding) => {
    const given = setUp(kind, unfolding);
    const all = gathered(given);
    expect(gathered(given, { mostBytes: 1 }).out).toEqual(all.out);
    expect(gathered(given, { mostBytes: 8 * 4 * all.z * all.width }).out).toEqual(all.out);
    const some = gathered(given, { targets: [2, 5], sources: [10, 11] });
    expect([some.rows, some.width]).toEqual([3, 1]);
    some.out.forEach((value, at) => expect(value).toBe(all.out[(2 * all.z + at) * 11 + 10]));
  });

  it("refuse neurons that are not there, and spectra that were unfolded differently", () => {
    const { connection, source, target } = setUp("direct", "svr");
    const shape = (choice: FilterChoice) => () => filterShape(connection, source, target, choice);
    expect(shape({ targets: [0, 10] })).toThrow(
      new RangeError('neurons of "layer1": found 0:10, required first:end within 0:9'),
    );
    expect(shape({ sources: [4, 4] })).toThrow(
      'neurons of "layer0": found 4:4, required first:end within 0:11',
    );
    const other = setUp("direct", "cosvr").target;
    expect(() => [...effectiveFilters(connection, source, other)]).toThrow(
      new TypeError("filters: found unfoldings svr and cosvr, required the same"),
    );
  });
});
