/** Stage 6: the weight of an edge, by one of the presets or by the user's expression. */

/** What an expression may speak of: one number per edge each. */
export const WEIGHT_VARIABLES = [
  "overlap",
  "cosine",
  "sourceSingularValue",
  "targetSingularValue",
  "channels",
  "positions",
  "p",
  "logP",
  "q",
  "sigma",
] as const;

/** The values of one edge. */
export type EdgeVariables = Record<typeof WEIGHT_VARIABLES[number], number>;

/** The weight of one edge. */
export type EdgeWeight = (edge: EdgeVariables) => number;

/** Names that stand for an expression. */
export const WEIGHT_PRESETS: ReadonlyMap<
  string,
  { readonly expression: string; readonly weight: EdgeWeight }
> = new Map([
  ["amplitude", { expression: "sqrt(overlap)", weight: ({ overlap }) => Math.sqrt(overlap) }],
  ["gain", {
    expression: "sourceSingularValue * sqrt(overlap) * targetSingularValue",
    weight: ({ sourceSingularValue, overlap, targetSingularValue }) =>
      sourceSingularValue * Math.sqrt(overlap) * targetSingularValue,
  }],
]);

/**
 * Compiles a weight expression (mathjs syntax), or the name of a preset.
 *
 * The expression may come from a file that is not trusted: anything but arithmetic on the variables, a list of numeric
 * functions and the conditional operator is refused before it is compiled.
 *
 * @returns the weight of an edge
 * @throws {SyntaxError} when the expression does not parse, or uses what is not allowed; names it
 * @example
 * import { compileWeight } from "svrflow";
 *
 * const weight = await compileWeight("sigma > 5 ? sqrt(overlap) : 0");
 * console.log(weight({
 *   overlap: 0.25,
 *   cosine: 0.5,
 *   sourceSingularValue: 2,
 *   targetSingularValue: 3,
 *   channels: 64,
 *   positions: 1,
 *   p: 1e-9,
 *   logP: Math.log(1e-9),
 *   q: 1e-6,
 *   sigma: 6,
 * })); // 0.5
 */
export async function compileWeight(expression: string): Promise<EdgeWeight> {
  const preset = WEIGHT_PRESETS.get(expression);
  if (preset !== undefined) return preset.weight;
  const variable = WEIGHT_VARIABLES.find((name) => name === expression);
  if (variable !== undefined) return (edge) => edge[variable];
  // Most runs need no expressions, whose library is the largest part of a start.
  const { compileExpression } = await import("./weight-expression.ts");
  return compileExpression(expression, WEIGHT_VARIABLES);
}
