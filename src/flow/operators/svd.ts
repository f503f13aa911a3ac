/** The third stage: `matrices.pipe(svd(engine, "svr"))`. */

import { concatMap, defer, finalize, from, mergeMap, type OperatorFunction } from "rxjs";
import { messageOf } from "../../model/errors.ts";
import { rankOf, type Unfolding } from "../../model/layer.ts";
import type { BareSpectrum, Spectrum } from "../../model/spectrum.ts";
import type { Matrix } from "../../model/tensor.ts";
import { directions } from "../../stages/directions.ts";
import { leadingOf } from "../leading.ts";
import { isSparse } from "../../stages/sparse-layers.ts";
import { figuresBytes } from "../../stages/memory-needs.ts";
import { affordableNeed } from "../../stages/tall/affordable-need.ts";
import type { TallMatrix } from "../../stages/tall/tall-matrix.ts";
import { tallSpectrum } from "../../stages/tall/tall-spectrum.ts";
import type { Grant } from "../budget.ts";
import { decomposed, type Leading } from "../decomposition.ts";
import { measured, type WantedMetrics } from "../layer-measurement.ts";
import type { LayerJob, MatrixJob, SpectrumJob } from "../jobs.ts";
import { spectrumKey, tallSpectrumKey } from "../spectra/spectrum-key.ts";
import type { Engine } from "../engine.ts";

/**
 * Matrix -> spectrum, in the order of the matrices, one more at a time than the kernel has threads. Read and decomposed within
 * the byte budget; a layer with NaN or infinite weights is skipped. What is
 * still going on when nobody listens any more is stopped.
 *
 * @param wanted which figures of layers are wanted. Default: none at all
 *
 * @example
 * import { layers, openEngine, openModel, svd, unfold } from "svrflow";
 * import { lastValueFrom, of, tap } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * const engine = await openEngine();
 * const spectra = of(model).pipe(layers(), unfold("svr"), svd(engine, "svr"));
 * await lastValueFrom(spectra.pipe(tap(({ layer, spectrum }) => {
 *   if (!("skipped" in spectrum)) console.log(layer.name, spectrum.singularValues[0]);
 * })));
 * await engine.dispose();
 */
export function svd(
  { kernel, budget, store, signal: outer, rank: choice, tolerance, cache, spectrumDone }: Engine,
  unfolding: Unfolding,
  wanted: WantedMetrics | null = null,
): OperatorFunction<MatrixJob, SpectrumJob> {
  const computed = async (
    { model, layer, read }: MatrixJob,
    leading: Leading,
    first: readonly Matrix[],
    signal: AbortSignal,
  ): Promise<BareSpectrum> => {
    const how = { layer, unfolding, leading };
    let unread: readonly Matrix[] | null = first;
    const asked = async () => {
      // The matrices went with the thread that died; they are read again, once.
      const blocks = unread ?? await read();
      unread = null;
      return { ...how, blocks };
    };
    return await decomposed(asked, kernel, how, { signal, subject: { model: model.id, layer: layer.name } });
  };
  const whole = (spectrum: BareSpectrum, sparse: boolean, { layer, shape }: MatrixJob): Spectrum => ({
    ...spectrum,
    layer,
    unfolding,
    ...directions(spectrum, shape, kernel.info.precision),
    sparse,
  });
  const leadingFor = ({ graph, layer }: MatrixJob): Leading => {
    const leading = leadingOf(graph, unfolding, choice)(layer);
    return leading.rank === undefined || tolerance === undefined ? leading : { ...leading, tolerance };
  };
  const found = async (
    job: MatrixJob,
    leading: Leading,
    rank: number,
    signal: AbortSignal,
  ): Promise<Spectrum> => {
    const { layer, model, shape } = job;
    const done = { model: model.id, layer: layer.name };
    const blocks = await job.read();
    const sparse = isSparse(layer, blocks, unfolding);
    if (cache === undefined) {
      const spectrum = await computed(job, leading, blocks, signal);
      spectrumDone?.({ ...done, key: null, from: "kernel" });
      return whole(spectrum, sparse, job);
    }
    const key = spectrumKey(blocks, unfolding, kernel.info, leading, layer.circuit !== undefined);
    const sides = { rank, leftCols: shape.rows, rightCols: shape.cols };
    const { spectrum, from } = await cache.take(key, sides, () => computed(job, leading, blocks, signal));
    spectrumDone?.({ ...done, key, from });
    return whole(spectrum, sparse, job);
  };
  /** The same of a weight that is read by rows. */
  const foundByRows = async (
    job: MatrixJob,
    tall: TallMatrix,
    leading: Leading,
    rank: number,
    signal: AbortSignal,
  ): Promise<Spectrum> => {
    const { layer, model, shape } = job;
    const subject = { model: model.id, layer: layer.name };
    const how = { ...leading, rank, subject, signal };
    const decompose = () => tallSpectrum(layer, tall, unfolding, kernel, how);
    if (cache === undefined) {
      const { spectrum, sparse } = await decompose();
      spectrumDone?.({ ...subject, key: null, from: "kernel" });
      return whole(spectrum, sparse, job);
    }
    const { key, sparse } = await tallSpectrumKey(tall, unfolding, kernel.info, leading, signal);
    const sides = { rank, leftCols: shape.rows, rightCols: shape.cols };
    const { spectrum, from } = await cache.take(key, sides, async () => (await decompose()).spectrum);
    spectrumDone?.({ ...subject, key, from });
    return whole(spectrum, sparse, job);
  };
  const spectrumOf = async (job: MatrixJob, signal: AbortSignal): Promise<SpectrumJob> => {
    const { layer, graph, model } = job;
    const leading = leadingFor(job);
    const { rank: most = Infinity } = leading;
    const rank = Math.min(rankOf(layer, unfolding), most * layer.groups);
    const workspace = (rows: number, cols: number, leadingOnly?: number) =>
      kernel.workspace(rows, cols, leadingOnly);
    const { bytes, tall } = affordableNeed(layer, unfolding, most, { workspace, info: kernel.info }, {
      model,
      budget: budget.total,
    });
    const need = bytes + (wanted === null ? 0 : figuresBytes(layer, unfolding, most, workspace, wanted));
    await store.caughtUp(model, kernel.concurrency);
    let grant: Grant | null = null;
    try {
      grant = await budget.acquire(need, `layer ${layer.name}`, { signal });
      const uses = graph.connections.filter(({ source, target }) =>
        source === layer.index || target === layer.index
      ).length;
      const spectrum = await (tall === null
        ? found(job, leading, rank, signal)
        : foundByRows(job, tall, leading, rank, signal));
      signal.throwIfAborted();
      const metrics = wanted === null ? {} : {
        metrics: await measured(
          spectrum,
          () =>
            job.read(),
          wanted,
          kernel,
          { signal },
        ),
      };
      return { kind: "layer", ...lean(job), spectrum: store.put(spectrum, grant, uses, model), ...metrics };
    } catch (failure) {
      grant?.release();
      if (!(failure instanceof RangeError) || !failure.message.startsWith("svd")) throw failure;
      return { kind: "layer", ...lean(job), spectrum: { skipped: messageOf(failure) } };
    }
  };
  return (jobs) =>
    defer(() => {
      const stop = new AbortController();
      // One more than can be decomposed: its weight is read meanwhile.
      const jobsAtATime = kernel.concurrency + 1;
      const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
      return jobs.pipe(
        mergeMap((job, at) => spectrumOf(job, signal).then((result) => ({ at, result })), jobsAtATime),
        inOrder(),
        finalize(() => stop.abort(new Error("svd: nobody waits for the spectra any more"))),
      );
    });
}

/** Results in the order of their numbers 0, 1, 2, …; those that come early wait. */
function inOrder<T>(): OperatorFunction<{ readonly at: number; readonly result: T }, T> {
  return (results) =>
    defer(() => {
      const early = new Map<number, T>();
      let next = 0;
      return results.pipe(concatMap(({ at, result }) => {
        early.set(at, result);
        const ready: T[] = [];
        for (; early.has(next); next++) {
          ready.push(early.get(next)!);
          early.delete(next);
        }
        return from(ready);
      }));
    });
}

const lean = ({ model, graph, layer }: LayerJob): LayerJob => ({ model, graph, layer });
