/** The code of TorchScript archives as a tree: classes, functions, statements. Nothing of it is ever run by Python or by us. */

import { show } from "../../../src/model/errors.ts";
import { type Token, tokensOf } from "./lexer.ts";
import type { Block, Expression, ScriptFile, ScriptFunction, Statement } from "./syntax.ts";

/** Expressions within expressions. */
const DEEPEST = 200;

/**
 * Parses a file of code.
 *
 * @param what the file, for messages
 * @throws {SyntaxError} where it is none; names the line
 */
export function parseScript(what: string, code: string): ScriptFile {
  return new Parser(what, tokensOf(what, code)).file();
}

class Parser {
  readonly #what: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(what: string, tokens: readonly Token[]) {
    this.#what = what;
    this.#tokens = tokens;
  }

  file(): ScriptFile {
    const classes = new Map<string, ReadonlyMap<string, ScriptFunction>>();
    const functions = new Map<string, ScriptFunction>();
    while (this.#peek().kind !== "end") {
      if (this.#isName("def")) {
        const made = this.#function();
        functions.set(made.name, made);
      } else if (this.#isName("class")) {
        const [name, methods] = this.#class();
        classes.set(name, methods);
      } else this.#line();
    }
    return { classes, functions };
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  #is(sign: string): boolean {
    return this.#peek().kind === "sign" && this.#peek().text === sign;
  }

  #isName(name: string): boolean {
    return this.#peek().kind === "name" && this.#peek().text === name;
  }

  #accept(sign: string): boolean {
    const found = this.#is(sign);
    if (found) this.#at++;
    return found;
  }

  #expect(kind: Token["kind"], text?: string): Token {
    const token = this.#take();
    if (token.kind === kind && (text === undefined || token.text === text)) return token;
    throw this.#error(token, text ?? kind);
  }

  #error({ kind, text, line }: Token, required: string): SyntaxError {
    const found = text === "" ? kind : text.slice(0, 40);
    return new SyntaxError(`${this.#what}, line ${line}: found ${show(found)}, required ${show(required)}`);
  }

  /** Skips to the end of a line, and the block behind it. */
  #line(): void {
    while (!["newline", "end", "dedent", "indent"].includes(this.#peek().kind)) this.#take();
    if (this.#peek().kind === "newline" || this.#peek().kind === "dedent") this.#take();
    if (this.#peek().kind !== "indent") return;
    let depth = 0;
    do {
      const { kind } = this.#take();
      depth += kind === "indent" ? 1 : kind === "dedent" ? -1 : 0;
    } while (depth > 0 && this.#peek().kind !== "end");
  }

  #class(): readonly [string, ReadonlyMap<string, ScriptFunction>] {
    this.#expect("name", "class");
    const { text } = this.#expect("name");
    while (this.#peek().kind !== "newline" && this.#peek().kind !== "end") this.#take();
    this.#take();
    const methods = new Map<string, ScriptFunction>();
    if (this.#peek().kind !== "indent") return [text, methods];
    this.#take();
    while (this.#peek().kind !== "dedent" && this.#peek().kind !== "end") {
      if (this.#isName("def")) {
        const made = this.#function();
        methods.set(made.name, made);
      } else this.#line();
    }
    this.#take();
    return [text, methods];
  }

  #function(): ScriptFunction {
    this.#expect("name", "def");
    const name = this.#expect("name").text;
    this.#expect("sign", "(");
    const parameters: { name: string; type: string; otherwise: Expression | null }[] = [];
    while (!this.#accept(")")) {
      const parameter = this.#expect("name").text;
      const type = this.#accept(":") ? this.#type() : "Tensor";
      parameters.push({ name: parameter, type, otherwise: this.#accept("=") ? this.#expression() : null });
      if (!this.#accept(",") && !this.#is(")")) throw this.#error(this.#peek(), ")");
    }
    if (this.#accept("->")) this.#type();
    this.#expect("sign", ":");
    return { name, parameters, body: this.#block() };
  }

  /** @returns the first word of a type */
  #type(): string {
    const type = this.#expression();
    return type.kind === "name"
      ? type.name
      : type.kind === "item" && type.of.kind === "name"
      ? type.of.name
      : "";
  }

  #block(): Block {
    this.#expect("newline");
    this.#expect("indent");
    const statements: Statement[] = [];
    while (this.#peek().kind !== "dedent" && this.#peek().kind !== "end") statements.push(this.#statement());
    this.#take();
    return statements;
  }

  #statement(): Statement {
    const { line, kind, text } = this.#peek();
    if (kind === "name") {
      switch (text) {
        case "pass":
          this.#take();
          this.#expect("newline");
          return { line, kind: "pass" };
        case "return": {
          this.#take();
          const value = this.#peek().kind === "newline" ? null : this.#tuple();
          this.#expect("newline");
          return { line, kind: "return", value };
        }
        case "if":
          return this.#branch(line);
        case "for": {
          this.#take();
          const target = this.#expect("name").text;
          this.#expect("name", "in");
          const over = this.#expression();
          this.#expect("sign", ":");
          return { line, kind: "for", target, over, body: this.#block() };
        }
        case "while": {
          this.#take();
          const condition = this.#expression();
          this.#expect("sign", ":");
          return { line, kind: "while", condition, body: this.#block() };
        }
      }
    }
    return this.#assignment(line);
  }

  #branch(line: number): Statement {
    this.#take();
    const condition = this.#expression();
    this.#expect("sign", ":");
    const then = this.#block();
    if (!this.#isName("else")) return { line, kind: "if", condition, then, other: [] };
    this.#take();
    this.#expect("sign", ":");
    return { line, kind: "if", condition, then, other: this.#block() };
  }

  #assignment(line: number): Statement {
    const first = this.#tuple();
    if (this.#accept(":")) this.#type();
    if (!this.#accept("=")) {
      this.#expect("newline");
      return { line, kind: "expression", value: first };
    }
    const several = first.kind === "list" ? first.items : [first];
    const targets = several.map((each) => {
      if (each.kind === "name") return each.name;
      throw new SyntaxError(`${this.#what}, line ${line}: found an assignment to a part, required to a name`);
    });
    const value = this.#tuple();
    this.#expect("newline");
    return { line, kind: "assign", targets, unpacks: first.kind === "list", value };
  }

  /** Expressions with commas between them are a list; one alone is itself, unless a comma follows. */
  #tuple(): Expression {
    const first = this.#expression();
    if (!this.#is(",")) return first;
    const items = [first];
    while (this.#accept(",")) {
      if (this.#peek().kind === "newline" || this.#is("=")) break;
      items.push(this.#expression());
    }
    return { kind: "list", items };
  }

  #expression(): Expression {
    if (++this.#depth > DEEPEST) throw this.#error(this.#peek(), `expressions at most ${DEEPEST} deep`);
    const value = this.#either(this.#postfix(this.#primary()));
    this.#depth--;
    return value;
  }

  #either(then: Expression): Expression {
    if (!this.#isName("if")) return then;
    this.#take();
    const condition = this.#expression();
    this.#expect("name", "else");
    return { kind: "either", condition, then, other: this.#expression() };
  }

  #primary(): Expression {
    const token = this.#take();
    if (token.kind === "number") {
      return { kind: "literal", value: Number(token.text.replaceAll("_", "").replace(/j$/, "")) };
    }
    if (token.kind === "string") return { kind: "literal", value: token.text };
    if (token.kind === "name") {
      const literal = LITERALS.get(token.text);
      return literal === undefined ? { kind: "name", name: token.text } : { kind: "literal", value: literal };
    }
    if (token.text === "-") {
      const value = this.#expression();
      if (value.kind === "literal" && typeof value.value === "number") {
        return { kind: "literal", value: -value.value };
      }
      throw this.#error(token, "a number");
    }
    if (token.text === "[") return { kind: "list", items: this.#items("]") };
    if (token.text === "(") {
      const items = this.#items(")");
      const comma = this.#tokens[this.#at - 2];
      return items.length === 1 && !(comma?.kind === "sign" && comma.text === ",")
        ? items[0]!
        : { kind: "list", items };
    }
    if (token.text === "{") {
      while (!this.#accept("}")) {
        if (this.#peek().kind === "end" || this.#peek().kind === "newline") {
          throw this.#error(this.#peek(), "}");
        }
        this.#expression();
        if (this.#accept(":")) this.#expression();
        this.#accept(",");
      }
      return { kind: "dict" };
    }
    throw this.#error(token, "an expression");
  }

  #items(end: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#accept(end)) {
      items.push(this.#expression());
      if (!this.#accept(",") && !this.#is(end)) throw this.#error(this.#peek(), end);
    }
    return items;
  }

  #postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.#accept(".")) value = { kind: "attribute", of: value, name: this.#expect("name").text };
      else if (this.#accept("[")) {
        const items = this.#items("]");
        const index: Expression = items.length === 1 ? items[0]! : { kind: "list", items };
        value = { kind: "item", of: value, index };
      } else if (this.#accept("(")) value = this.#call(value);
      else return value;
    }
  }

  #call(callee: Expression): Expression {
    const positional: Expression[] = [];
    const named = new Map<string, Expression>();
    while (!this.#accept(")")) {
      const first = this.#expression();
      if (first.kind === "name" && this.#accept("=")) named.set(first.name, this.#expression());
      else positional.push(first);
      if (!this.#accept(",") && !this.#is(")")) throw this.#error(this.#peek(), ")");
    }
    return { kind: "call", callee, positional, named };
  }
}

const LITERALS: ReadonlyMap<string, number | boolean | null> = new Map<string, number | boolean | null>([
  ["True", true],
  ["False", false],
  ["None", null],
  ["inf", Infinity],
  ["nan", NaN],
]);
