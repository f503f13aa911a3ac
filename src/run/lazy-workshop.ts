/** A workshop that is furnished when the first model needs it: a run that finds all done loads no kernel. */

import type { KernelInfo } from "../kernels/kernel.ts";
import type { SelectedKernel } from "../kernels/select.ts";
import { messageOf } from "../model/errors.ts";
import type { OpenWorkshop, WorkshopOptions } from "./open-workshop.ts";

/** A kernel as a run records it. */
export type UsedKernel = KernelInfo & { readonly threads: number };

/** A workshop, opened once and on demand. */
export class LazyWorkshop {
  readonly #options: WorkshopOptions;
  readonly #opened: (kernel: UsedKernel & Pick<OpenWorkshop, "because">) => void;
  #selected: Promise<SelectedKernel> | null = null;
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

  /** Begins to open the kernel, which takes its threads a while: where it is known that there will be work. `open` tells what came of it. */
  begin(): void {
    this.#select().catch(() => undefined);
  }

  /** @throws what `openWorkshop` throws */
  open(): Promise<OpenWorkshop> {
    return this.#workshop ??= this.#furnish().then((workshop) => {
      this.#open = workshop;
      this.kernel = { ...workshop.kernel.info, threads: workshop.kernel.concurrency };
      this.#opened({ ...this.kernel, because: workshop.because });
      return workshop;
    }).catch((cause: unknown) => {
      this.failure = cause instanceof Error ? cause : new Error(messageOf(cause));
      throw this.failure;
    });
  }

  #select(): Promise<SelectedKernel> {
    return this.#selected ??= import("./open-workshop.ts").then(({ openItsKernel }) =>
      openItsKernel(this.#options)
    );
  }

  async #furnish(): Promise<OpenWorkshop> {
    const [{ openWorkshop }, selected] = await Promise.all([import("./open-workshop.ts"), this.#select()]);
    return await openWorkshop(this.#options, selected);
  }

  /** Frees the kernel and every spectrum, if they are there. May be called again. */
  async dispose(): Promise<void> {
    const [selected, workshop] = [this.#selected, this.#workshop];
    [this.#selected, this.#workshop] = [null, null];
    const open = await workshop?.catch(() => null);
    if (open) await open.dispose();
    else await (await selected?.catch(() => null))?.kernel.dispose();
  }
}
