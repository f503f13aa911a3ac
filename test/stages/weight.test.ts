import { describe, expect, it } from "vitest";
import { compileExpression } from "../../src/stages/weight-expression.ts";
import {
  compileWeight,
  type EdgeVariables,
  WEIGHT_PRESETS,
  WEIGHT_VARIABLES,
} from "../../src/stages/weight.ts";

const EDGE: EdgeVariables = {
  overlap: 0.36,
  cosine: -0.6,
  sourceSingularValue: 2,
  targetSingularValue: 5,
  channels: 64,
  positions: 9,
  p: 1e-5,
  logP: Math.log(1e-5),
  q: 0.001,
  sigma: 4.26,
};

describe("the weight of an edge", () => {
  it.each([
    ["overlap", 0.36],
    ["amplitude", 0.6],
    ["gain", 6],
    ["sourceSingularValue * sqrt(overlap) * targetSingularValue", 6],
    ["-logP / log(10)", 5],
    ["cosine < 0 ? -overlap : overlap", -0.36],
    ["overlap > 0.3 and sigma >= 3", 1],
    ["min(overlap, 0.2) + max(1, 2)", 2.2],
    ["channels * positions % 10", 6],
    ["2 ^ 3 - -1", 9],
    ["1e400", Infinity],
    ["-".repeat(900) + "1", 1],
    ["0 / 0", NaN],
  ])("%s is %d", async (expression, expected) => {
    const value = (await compileWeight(expression))(EDGE);
    if (Number.isNaN(expected)) expect(value).toBeNaN();
    else if (Number.isFinite(expected)) expect(value).toBeCloseTo(expected, 12);
    else expect(value).toBe(expected);
  });

  it("may use every variable that the design names", async () => {
    for (const name of WEIGHT_VARIABLES) expect((await compileWeight(name))(EDGE)).toBe(EDGE[name]);
  });

  it("of a preset is that of its expression", () => {
    expect([...WEIGHT_PRESETS.keys()]).toEqual(["amplitude", "gain"]);
    for (const { expression, weight } of WEIGHT_PRESETS.values()) {
      const compiled = compileExpression(expression, WEIGHT_VARIABLES);
      for (const overlap of [0, 1e-300, 0.3, 1]) {
        for (const sourceSingularValue of [0, 1e-9, 7e8]) {
          const edge = { ...EDGE, overlap, sourceSingularValue };
          expect(weight(edge)).toBe(compiled(edge));
        }
      }
    }
  });

  it("is compiled once: a hundred thousand edges in little time", async () => {
    const weight = await compileWeight("sqrt(overlap) * sourceSingularValue");
    let sum = 0;
    for (let i = 0; i < 1e5; i++) sum += weight({ ...EDGE, overlap: i / 1e5 });
    expect(sum).toBeGreaterThan(1e5);
  });

  it.each([
    "overlap = 1",
    "x = overlap; x",
    "f(x) = x^2; f(overlap)",
    "f(x) = x",
    "overlap\n1",
    "1; 2",
    "[1, 2, 3]",
    "[overlap][1]",
    "sum(1:1e9)",
    "1:10",
    "{a: 1}.a",
    "overlap.constructor",
    'overlap["constructor"]',
    "cos.constructor",
    'cos.constructor("return process")()',
    '"text"',
    "import({overlap: 1})",
    'evaluate("1+1")',
    'parse("1")',
    "compile(1)",
    "createUnit(overlap)",
    'unit("5 cm")',
    "5 cm",
    "i",
    "2i",
    "ones(1e9)",
    "zeros(100000, 100000)",
    "map([1], sqrt)",
    "factorial(1e6)",
    "170!",
    "170000!",
    "random()",
    "bignumber(1)",
    "chain(1)",
    "typed(1)",
    "__proto__",
    "constructor",
    "toString",
    "process",
    "globalThis",
    "this",
    "unknown + 1",
    "overlap +",
    "(",
    "",
    "sqrt",
    "sqrt = 3",
    "overlap to cm",
    "overlap'",
    "1 + ".repeat(400) + "1",
    "(".repeat(600) + "1" + ")".repeat(600),
  ])("refuses %j, quickly and in words", async (expression) => {
    await expect(compileWeight(expression).then((weight) => weight(EDGE))).rejects.toThrow(/weight/);
  });

  it("stays real where a root has no real value", async () => {
    expect((await compileWeight("sqrt(cosine)"))(EDGE)).toBeNaN();
    expect((await compileWeight("log(cosine)"))(EDGE)).toBeNaN();
    expect((await compileWeight("cosine ^ 0.5"))(EDGE)).toBeNaN();
  });

  it("leaves no trace in the language", async () => {
    for (const expression of ["__proto__ = 1", "constructor.prototype.x = 1"]) {
      await expect(compileWeight(expression)).rejects.toThrow();
    }
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });
});
