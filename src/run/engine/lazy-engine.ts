/** An engine that is opened when the first model needs it: a run that finds all done loads no kernel. */

import type { KernelInfo } from "../../kernels/kernel.ts";
import { messageOf } from "../../model/errors.ts";
import type { EngineOptions, OpenEngine } from "../open-engine.ts";

/** A kernel as a run records it. */
export type UsedKernel = KernelInfo & { readonly threads: number };

/** An engine, opened once and on demand. */
export class LazyEngine {
  readonly #options: EngineOptions;
  readonly #opened: (kernel: UsedKernel & Pick<OpenEngine, "because">) => void;
  #engine: Promise<OpenEngine> | null = null;
  #open: OpenEngine | null = null;
  /** The kernel; null as long as nobody has needed it. */
  kernel: UsedKernel | null = null;
  /** Why it could not be opened. */
  failure: Error | null = null;

  /** @param opened told which kernel it is */
  constructor(
    options: EngineOptions,
    opened: (kernel: UsedKernel & Pick<OpenEngine, "because">) => void,
  ) {
    this.#options = options;
    this.#opened = opened;
  }

  /** Bytes of the budget that are in use. */
  get held(): number {
    return this.#open?.budget.used ?? 0;
  }

  /** @throws what `openEngine` throws */
  open(): Promise<OpenEngine> {
    return this.#engine ??= this.#load().then((engine) => {
      this.#open = engine;
      this.kernel = { ...engine.kernel.info, threads: engine.kernel.concurrency };
      this.#opened({ ...this.kernel, because: engine.because });
      return engine;
    }).catch((cause: unknown) => {
      this.failure = cause instanceof Error ? cause : new Error(messageOf(cause));
      throw this.failure;
    });
  }

  async #load(): Promise<OpenEngine> {
    const { openEngine } = await import("../open-engine.ts");
    return await openEngine(this.#options);
  }

  /** Frees the kernel and every spectrum, if they are there. May be called again. */
  async dispose(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await (await engine?.catch(() => null))?.dispose();
  }
}
