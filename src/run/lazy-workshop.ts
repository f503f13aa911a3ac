/** A workshop that is furnished when the first model needs it: a run that finds all done loads no kernel. */

import type { KernelInfo } from "../kernels/kernel.ts";
import { messageOf } from "../model/errors.ts";
import type { OpenWorkshop, WorkshopOptions } from "./open-workshop.ts";

/** A kernel as a run records it. */
export type UsedKernel = KernelInfo & { readonly threads: number };

/** A workshop, opened once and on demand. */
export class LazyWorkshop {
  readonly #options: WorkshopOptions;
  readonly #opened: (kernel: UsedKernel & Pick<OpenWorkshop, "because">) => void;
  #workshop: Promise<OpenWorkshop> | null = null;
  #open: OpenWorkshop | null = null;
  /** The kernel; null as long as nobody has needed it. */
  kernel: UsedKernel | null = null;
  /** Why it could not be opened. */
  failure: Error | null = null;

  /** @param opened told which kernel it is */
  constructor(
    options: WorkshopOptions,
    opened: (kernel: UsedKernel & Pick<OpenWorkshop, "because">) => void,
  ) {
    this.#options = options;
    this.#opened = opened;
  }

  /** Bytes of the budget that are in use. */
  get held(): number {
    return this.#open?.budget.used ?? 0;
  }

  /** @throws what `openWorkshop` throws */
  open(): Promise<OpenWorkshop> {
    return this.#workshop ??= this.#load().then((workshop) => {
      this.#open = workshop;
      this.kernel = { ...workshop.kernel.info, threads: workshop.kernel.concurrency };
      this.#opened({ ...this.kernel, because: workshop.because });
      return workshop;
    }).catch((cause: unknown) => {
      this.failure = cause instanceof Error ? cause : new Error(messageOf(cause));
      throw this.failure;
    });
  }

  async #load(): Promise<OpenWorkshop> {
    const { openWorkshop } = await import("./open-workshop.ts");
    return await openWorkshop(this.#options);
  }

  /** Frees the kernel and every spectrum, if they are there. May be called again. */
  async dispose(): Promise<void> {
    const workshop = this.#workshop;
    this.#workshop = null;
    await (await workshop?.catch(() => null))?.dispose();
  }
}
