/** Expressions: arithmetic on named numbers, and nothing else. */

import { all as everything, create, type MathNode } from "mathjs/number";
import { messageOf, show } from "../model/errors.ts";

/** Functions of numbers, and nothing that parses, imports, builds or loops. */
const FUNCTIONS = new Set([
  "abs",
  "sqrt",
  "cbrt",
  "square",
  "cube",
  "exp",
  "expm1",
  "log",
  "log2",
  "log10",
  "log1p",
  "pow",
  "min",
  "max",
  "sign",
  "floor",
  "ceil",
  "round",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "hypot",
]);

/** Constants of mathjs that are numbers. */
const CONSTANTS = new Set(["pi", "e", "true", "false"]);

/** Kinds of syntax that cannot do more than compute one number. */
const ALLOWED_NODES = new Set([
  "OperatorNode",
  "ConstantNode",
  "SymbolNode",
  "FunctionNode",
  "ParenthesisNode",
  "ConditionalNode",
  "RelationalNode",
]);

/** Operators between numbers; `!` (factorial) may run for long, units and matrices are not numbers. */
const OPERATORS = new Set([
  "+",
  "-",
  "*",
  "/",
  "^",
  "%",
  "<",
  ">",
  "<=",
  ">=",
  "==",
  "!=",
  "and",
  "or",
  "not",
  "xor",
]);

/** Longer than any weight that a person writes, short enough to parse at once. */
const LONGEST = 1000;

const math = create(everything ?? {}, { predictable: true });

/**
 * Compiles an expression that may come from a stranger.
 *
 * @param variables what it may speak of
 * @throws {SyntaxError} as `compileWeight` does
 */
export function compileExpression<Name extends string>(
  text: string,
  variables: readonly Name[],
): (values: Readonly<Record<Name, number>>) => number {
  if (text.length > LONGEST) {
    throw new SyntaxError(`weight: found ${text.length} characters, required at most ${LONGEST}`);
  }
  const node = parse(text);
  node.traverse((each) => check(each, text, variables));
  const compiled = node.compile();
  return (values) => {
    const value: unknown = compiled.evaluate(new Map<string, unknown>(Object.entries(values)));
    const number = typeof value === "boolean" ? Number(value) : value;
    if (typeof number !== "number") {
      throw new TypeError(`weight ${show(text)}: found ${show(value)}, required a real number`);
    }
    return number;
  };
}

function parse(text: string): MathNode {
  try {
    return math.parse(text);
  } catch (cause) {
    throw new SyntaxError(`weight ${show(text)}: ${messageOf(cause)}`, { cause });
  }
}

function check(node: MathNode, text: string, variables: readonly string[]): void {
  const refuse = (found: string, required: string): never => {
    throw new SyntaxError(`weight ${show(text)}: found ${found}, required ${required}`);
  };
  if (!ALLOWED_NODES.has(node.type)) {
    refuse(
      `${show(node.toString())} (${node.type})`,
      "arithmetic on one edge's values, without assignments, definitions or matrices",
    );
  }
  if (math.isOperatorNode(node) && !OPERATORS.has(node.op)) {
    refuse(`operator ${show(node.op)}`, `one of ${[...OPERATORS].join(" ")}`);
  }
  if (math.isConstantNode(node) && typeof node.value !== "number" && typeof node.value !== "boolean") {
    refuse(show(node.value), "a number");
  }
  if (math.isFunctionNode(node) && !(math.isSymbolNode(node.fn) && FUNCTIONS.has(node.fn.name))) {
    refuse(`function ${show(node.fn.toString())}`, `one of ${[...FUNCTIONS].join(", ")}`);
  }
  if (math.isSymbolNode(node)) {
    if (!variables.includes(node.name) && !CONSTANTS.has(node.name) && !FUNCTIONS.has(node.name)) {
      refuse(`name ${show(node.name)}`, `one of ${variables.join(", ")}`);
    }
  }
}
