/** The page's side of its worker. */

import type {
  Answer,
  Comparison,
  Envelope,
  IndexedComparison,
  IndexedModel,
  Question,
  Row,
  Spectra,
  ViewedModel,
  WantedTracks,
} from "./protocol.ts";
import type { EdgeColumns, EdgeFilter } from "./edges.ts";
import type { RowProgress } from "./parquet.ts";

/** A model in the worker. */
export interface OpenedModel {
  readonly model: ViewedModel;
  /** How many edges its table has. */
  readonly edges: number;
}

/** Who waits for an answer. */
interface Waiting {
  readonly take: (answer: Answer) => void;
  readonly fail: (failure: Error) => void;
  readonly progress: RowProgress;
}

/** Models whose spectra are kept. */
const MOST_SPECTRA = 32;

/** Asks the worker; each question has one answer. A newer question of a kind takes the place of one that waits. */
export class TableClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #rows = new Map<string, readonly Row[]>();
  readonly #spectra = new Map<string, Promise<Spectra>>();
  #number = 0;
  #failed: Error | null = null;
  #last: { readonly tables: IndexedModel["tables"]; readonly opened: Promise<OpenedModel> } | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<Envelope<Answer>>) => this.#take(data));
    // A script that does not load says nothing of why.
    worker.addEventListener("error", ({ message }) => {
      this.#failed = new Error(message || "the page's worker did not start");
      for (const { fail } of this.#waiting.values()) fail(this.#failed);
      this.#waiting.clear();
    });
  }

  /** Opens a model in place of the one before; the one that is open is not read again. @param progress hears of its edges */
  model(tables: IndexedModel["tables"], progress: RowProgress): Promise<OpenedModel> {
    if (this.#last?.tables === tables) return this.#last.opened;
    const opened = this.#ask({ ask: "model", tables }, progress).then((answer) => {
      if (answer.of !== "model") throw unexpected(answer);
      return { model: answer.model, edges: answer.edges };
    });
    this.#last = { tables, opened };
    opened.catch(() => {
      if (this.#last?.opened === opened) this.#last = null;
    });
    return opened;
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

  /** A comparison; models whose tables are not there are null. */
  async comparison(
    { tables }: IndexedComparison,
    base: IndexedModel | null,
    other: IndexedModel | null,
  ): Promise<Comparison> {
    const question = {
      ask: "comparison",
      tables,
      base: base?.tables ?? null,
      other: other?.tables ?? null,
    } as const;
    const answer = await this.#ask(question);
    if (answer.of !== "comparison") throw unexpected(answer);
    return answer.comparison;
  }

  /** The singular values of a model's layers; those of the models that were asked for last are kept. */
  spectra({ id, tables }: IndexedModel): Promise<Spectra> {
    const known = this.#spectra.get(id);
    if (known !== undefined) return known;
    const found = this.#ask({ ask: "spectra", tables }).then((answer) => {
      if (answer.of !== "spectra") throw unexpected(answer);
      return answer.spectra;
    });
    this.#spectra.set(id, found);
    found.catch(() => this.#spectra.delete(id));
    for (const oldest of this.#spectra.keys()) {
      if (this.#spectra.size > MOST_SPECTRA) this.#spectra.delete(oldest);
    }
    return found;
  }

  /** All rows of small tables; what was read is not read again. @param files of each */
  async rows(files: readonly (readonly string[])[]): Promise<readonly (readonly Row[])[]> {
    const missing = files.filter((each) => !this.#rows.has(each.join("\n")));
    if (missing.length > 0) {
      const answer = await this.#ask({ ask: "rows", files: missing });
      if (answer.of !== "rows") throw unexpected(answer);
      for (const [at, each] of missing.entries()) this.#rows.set(each.join("\n"), answer.rows[at]!);
    }
    return files.map((each) => this.#rows.get(each.join("\n"))!);
  }

  /** Rows of the tables `tracks` of some comparisons, of one layer each. */
  async tracks(of: readonly WantedTracks[]): Promise<readonly (readonly Row[])[]> {
    const answer = await this.#ask({ ask: "tracks", of });
    if (answer.of !== "rows") throw unexpected(answer);
    return answer.rows;
  }

  async #edges(question: Question): Promise<EdgeColumns> {
    const answer = await this.#ask(question);
    if (answer.of !== "edges") throw unexpected(answer);
    return answer.edges;
  }

  #ask(content: Question, progress: RowProgress = () => undefined): Promise<Answer> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    const number = this.#number++;
    return new Promise((take, fail) => {
      this.#waiting.set(number, { take, fail, progress });
      this.#worker.postMessage({ number, content } satisfies Envelope<Question>);
    });
  }

  #take({ number, content }: Envelope<Answer>): void {
    const waiting = this.#waiting.get(number);
    if (content.of === "progress") return waiting?.progress(content.done, content.total);
    this.#waiting.delete(number);
    if (content.of === "failure") waiting?.fail(new Error(content.message));
    else waiting?.take(content);
  }
}

const unexpected = (answer: Answer) => new Error(`the worker answered ${answer.of} to another question`);
