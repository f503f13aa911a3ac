/** Questions of the page: a JSON object each, answered by lines of JSON of which the last is the answer. */

import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../../model/errors.ts";
import type { ConnectionFilter, NeuronPatterns } from "../../model/patterns/neuron-patterns.ts";
import type { QueryAnswer } from "../../model/graph-reader.ts";

/** Who waits for an answer, and how it can be stopped. */
export interface Asking {
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Tells the page what is being done now. */
  readonly progress: (doing: string) => void;
}

/** Answers a statement, or `@name` of the query library. */
export type AskGraph = (query: string, parameters: Readonly<Record<string, string>>) => Promise<QueryAnswer>;

/** Answers a statement in SQL, or `@name` of a query that has a form in SQL. */
export type AskTables = (
  query: string,
  parameters: Readonly<Record<string, string>>,
  asking: Asking,
) => Promise<QueryAnswer & { readonly whole: boolean }>;

/** The weights behind a run. */
export interface PageWeights {
  /** What a neuron looks like. */
  patterns(model: string, layer: number, neuron: number, asking: Asking): Promise<NeuronPatterns>;
  /** What a neuron hands to another through a connection: source layer, target layer, part. */
  filter(
    model: string,
    connection: readonly [number, number, number],
    neurons: readonly [source: number, target: number],
    asking: Asking,
  ): Promise<ConnectionFilter>;
}

/** Answers a question; what is wrong with it is thrown. */
export type Answerer = (question: Question, asking: Asking) => Promise<object>;

/** A question before anything in it is believed. */
type Question = Readonly<Record<string, unknown>>;

/** Longest question, in bytes: no statement of a person is. */
const LONGEST_QUESTION = 2 ** 20;

/** What the page may ask, by the end of its address. */
export function answerers(
  { ask, askTables, weights }: {
    readonly ask: AskGraph | null;
    readonly askTables: AskTables | null;
    readonly weights: PageWeights | null;
  },
): ReadonlyMap<string, Answerer> {
  const all = new Map<string, Answerer>();
  if (ask !== null) {
    all.set("query", async (question) => {
      const { columns, rows } = await ask(...statementOf(question));
      return { columns, rows };
    });
  }
  if (askTables !== null) {
    all.set("sql", async (question, asking) => {
      const { columns, rows, whole } = await askTables(...statementOf(question), asking);
      return { columns, rows, whole };
    });
  }
  if (weights !== null) {
    all.set(
      "patterns",
      ({ model, neuron }, asking) => weights.patterns(textOf(model), ...numbersOf(neuron, 2), asking),
    );
    all.set(
      "filter",
      ({ model, connection, neurons }, asking) =>
        weights.filter(textOf(model), numbersOf(connection, 3), numbersOf(neurons, 2), asking),
    );
  }
  return all;
}

function statementOf({ query, parameters }: Question): [string, Readonly<Record<string, string>>] {
  const given = Object.entries(typeof parameters === "object" && parameters !== null ? parameters : {});
  if (typeof query !== "string" || given.some(([, value]) => typeof value !== "string")) {
    throw new TypeError("found a question without a text, required query and parameters, all texts");
  }
  return [query, Object.fromEntries(given)];
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError("found a question without a model, required its id");
}

type Numbers<N extends 2 | 3> = N extends 2 ? readonly [number, number] : readonly [number, number, number];

function numbersOf<N extends 2 | 3>(value: unknown, count: N): Numbers<N> {
  const isWhole = (each: unknown) => Number.isSafeInteger(each) && Number(each) >= 0;
  if (Array.isArray(value) && value.length === count && value.every(isWhole)) {
    return value as unknown as Numbers<N>;
  }
  throw new TypeError(`found a question with other numbers, required ${count} from 0 on`);
}

/**
 * Answers a question. What is heard of it meanwhile goes as lines of JSON before the answer.
 *
 * @param head what all answers of this server begin with
 */
export async function answerQuestion(
  answerer: Answerer,
  request: IncomingMessage,
  response: ServerResponse,
  head: Readonly<Record<string, string>>,
): Promise<void> {
  const stop = new AbortController();
  response.once("close", () => stop.abort(new Error("nobody waits for the answer any more")));
  const line = (value: object) => `${JSON.stringify(value, plain)}\n`;
  const begin = (status: number) => response.headersSent || response.writeHead(status, head);
  try {
    const question: unknown = JSON.parse(await bodyOf(request));
    const asked = typeof question === "object" && question !== null ? question as Question : {};
    const answer = await answerer(asked, {
      signal: stop.signal,
      progress(doing) {
        if (response.destroyed) return;
        begin(200);
        response.write(line({ progress: doing }));
      },
    });
    const text = line(answer);
    begin(200);
    response.end(text);
  } catch (failure) {
    if (response.destroyed) return;
    begin(400);
    response.end(line({ failure: messageOf(failure) }));
  }
}

/** Integers beyond 2^53 as text. */
function plain(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes > LONGEST_QUESTION) throw new RangeError(`found a question of over ${LONGEST_QUESTION} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
