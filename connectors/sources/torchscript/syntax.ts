/** The code of TorchScript archives as a tree. */

/** An expression. */
export type Expression =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "literal"; readonly value: number | boolean | string | null }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "item"; readonly of: Expression; readonly index: Expression }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "dict" }
  | {
    readonly kind: "either";
    readonly condition: Expression;
    readonly then: Expression;
    readonly other: Expression;
  }
  | {
    readonly kind: "call";
    readonly callee: Expression;
    readonly positional: readonly Expression[];
    readonly named: ReadonlyMap<string, Expression>;
  };

/** A statement, with its line. */
export type Statement =
  & { readonly line: number }
  & (
    | {
      readonly kind: "assign";
      readonly targets: readonly string[];
      /** Whether the value is taken apart: a comma follows the first name. */
      readonly unpacks: boolean;
      readonly value: Expression;
    }
    | { readonly kind: "expression"; readonly value: Expression }
    | { readonly kind: "return"; readonly value: Expression | null }
    | { readonly kind: "if"; readonly condition: Expression; readonly then: Block; readonly other: Block }
    | { readonly kind: "for"; readonly target: string; readonly over: Expression; readonly body: Block }
    | { readonly kind: "while"; readonly condition: Expression; readonly body: Block }
    | { readonly kind: "pass" }
  );

/** Statements one after another. */
export type Block = readonly Statement[];

/** A function, or a method whose first parameter is `self`. */
export interface ScriptFunction {
  readonly name: string;
  readonly parameters: readonly {
    readonly name: string;
    /** The first word of its type: `Tensor`, `List`, `Optional`, … */
    readonly type: string;
    readonly otherwise: Expression | null;
  }[];
  readonly body: Block;
}

/** What a file of code defines. */
export interface ScriptFile {
  readonly classes: ReadonlyMap<string, ReadonlyMap<string, ScriptFunction>>;
  readonly functions: ReadonlyMap<string, ScriptFunction>;
}

/** Whether a block refuses the input. */
export function raises(block: Block): boolean {
  return block.some(({ kind, ...rest }) =>
    kind === "expression" && "value" in rest && rest.value?.kind === "call" &&
    rest.value.callee.kind === "attribute" && rest.value.callee.name === "RaiseException"
  );
}
