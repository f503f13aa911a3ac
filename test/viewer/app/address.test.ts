import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Address,
  COLOURS,
  DRAWERS,
  formatAddress,
  LANGUAGES,
  MOST_EDGES,
  parseAddress,
  SCALES,
  START,
  VIEWS,
} from "../../../src/viewer/app/address.ts";

const index = fc.nat(999_999_999);
const address: fc.Arbitrary<Address> = fc.record({
  view: fc.constantFrom(...VIEWS),
  model: fc.option(fc.string({ unit: "binary", minLength: 1 })),
  base: fc.option(fc.string({ unit: "binary", minLength: 1 })),
  pair: fc.option(fc.tuple(index, index)),
  series: fc.option(fc.string({ unit: "binary", minLength: 1 })),
  step: index,
  track: fc.option(index),
  layer: fc.option(index),
  neuron: fc.option(index),
  connection: fc.option(fc.tuple(index, index, index)),
  patterns: fc.boolean(),
  filter: fc.option(fc.tuple(index, index)),
  overlap: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
  certainty: fc.double({ min: 0, max: 1e6, noNaN: true }).map(Math.abs),
  span: fc.option(index),
  edges: fc.integer({ min: 0, max: MOST_EDGES }),
  drawer: fc.constantFrom(...DRAWERS),
  scale: fc.constantFrom(...SCALES),
  colour: fc.constantFrom(...COLOURS),
  language: fc.constantFrom(...LANGUAGES),
  query: fc.string({ unit: "binary" }),
});

describe("the page's address", () => {
  it("tells every state, and reads it back", () => {
    fc.assert(fc.property(address, (each) => {
      expect(parseAddress(formatAddress(each))).toEqual(each);
    }));
  });

  it("says nothing of what is as at the start", () => {
    expect(formatAddress(START)).toBe("#");
    expect(formatAddress({ ...START, layer: 3 })).toBe("#layer=3");
  });

  it("is as at the start where it is wrong", () => {
    const wrong =
      "#view=x&layer=-1&neuron=1e9&connection=1-2&patterns=yes&filter=3&overlap=2&certainty=NaN&span=&edges=99999999&scale=&colour=__proto__";
    expect(parseAddress(wrong)).toEqual({ ...START, edges: MOST_EDGES });
  });
});
