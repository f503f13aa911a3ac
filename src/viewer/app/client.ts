/** The page's side of its worker. */

import type { Answer, Envelope, IndexedModel, Question, ViewedModel } from "./protocol.ts";
import type { EdgeColumns, EdgeFilter } from "./edges.ts";
import type { RowProgress } from "./parquet.ts";

/** Asks the worker; each question has one answer. */
export class TableClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { readonly take: (answer: Answer) => void; readonly fail: (failure: Error) => void }
  >();
  #number = 0;
  #progress: RowProgress = () => undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<Envelope<Answer>>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => {
      for (const { fail } of this.#waiting.values()) fail(new Error(message));
      this.#waiting.clear();
    });
  }

  /** Opens a model in place of the one before. @param progress hears of its edges */
  async model(
    tables: IndexedModel["tables"],
    progress: RowProgress,
  ): Promise<ViewedModel & { readonly edges: number }> {
    this.#progress = progress;
    const answer = await this.#ask({ ask: "model", tables });
    if (answer.of !== "model") throw unexpected(answer);
    return { layers: answer.model.layers, connections: answer.model.connections, edges: answer.edges };
  }

  /** The strongest edges that pass a filter, and how many pass. */
  async strongest(
    filter: EdgeFilter,
    most: number,
  ): Promise<{ readonly passed: number; readonly edges: EdgeColumns }> {
    const answer = await this.#ask({ ask: "strongest", filter, most });
    if (answer.of !== "strongest") throw unexpected(answer);
    return answer;
  }

  /** All edges of a neuron, the strongest first. */
  neuron(layer: number, neuron: number): Promise<EdgeColumns> {
    return this.#edges({ ask: "neuron", layer, neuron });
  }

  /** All edges of a connection, the strongest first. */
  connection(connection: readonly [number, number, number]): Promise<EdgeColumns> {
    return this.#edges({ ask: "connection", connection });
  }

  async #edges(question: Question): Promise<EdgeColumns> {
    const answer = await this.#ask(question);
    if (answer.of !== "edges") throw unexpected(answer);
    return answer.edges;
  }

  #ask(content: Question): Promise<Answer> {
    const number = this.#number++;
    return new Promise((take, fail) => {
      this.#waiting.set(number, { take, fail });
      this.#worker.postMessage({ number, content } satisfies Envelope<Question>);
    });
  }

  #take({ number, content }: Envelope<Answer>): void {
    if (content.of === "progress") return this.#progress(content.done, content.total);
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (content.of === "failure") waiting?.fail(new Error(content.message));
    else waiting?.take(content);
  }
}

const unexpected = (answer: Answer) => new Error(`the worker answered ${answer.of} to another question`);
