/** From spectra to the connections between them, as an RxJS operator: `spectra.pipe(overlap(…))`. */

import { defer, mergeMap, of, type OperatorFunction } from "rxjs";
import type { Connection, Layer } from "../../model/layer.ts";
import { turnedEnd } from "../../stages/null-control.ts";
import { connectionWorkspace } from "../../stages/memory-needs.ts";
import { ConnectionQueue } from "../connection-queue.ts";
import type { ConnectionJob, ConnectionKind, SkippedConnection, SpectrumJob } from "../jobs.ts";
import type { SpectrumHandle, SpectrumStore } from "../spectra/spectrum-store.ts";
import type { Workshop } from "../workshop.ts";

/**
 * Spectrum -> itself, and each connection (behind it its null control, where the spectra have one) as soon as both its ends have come by and all connections into its source that are in the order
 * of flow have been passed on: so that figures of whole ways can be gathered as connections go by.
 */
export function overlap(
  { store, signal }: Workshop,
): OperatorFunction<SpectrumJob, SpectrumJob | SkippedConnection | ConnectionJob | ConnectionJob<"control">> {
  return (spectra) =>
    defer(() => {
      const seen = new Map<number, SpectrumJob>();
      let queue: ConnectionQueue | null = null;
      return spectra.pipe(mergeMap((job) => {
        seen.set(job.layer.index, job);
        queue ??= new ConnectionQueue(job.graph);
        const ready = queue.arrived(job.layer.index).flatMap((connection) => {
          const [source, target] = [seen.get(connection.source)!, seen.get(connection.target)!];
          return [
            joined(connection, source, target, store, signal),
            ...controlOf(connection, source, target, store, signal),
          ];
        });
        return of(job, ...ready);
      }));
    });
}

function joined(
  connection: Connection,
  source: SpectrumJob,
  target: SpectrumJob,
  store: SpectrumStore,
  signal?: AbortSignal,
): ConnectionJob | SkippedConnection {
  const a = source.spectrum;
  const b = target.spectrum;
  if ("skipped" in a || "skipped" in b) {
    for (const end of [a, b]) if (!("skipped" in end)) store.skipUse(end);
    const end = "skipped" in a ? source : target;
    return {
      kind: "skipped",
      connection,
      name: `${source.layer.name} -> ${target.layer.name}`,
      reason: `layer ${end.layer.name} was skipped`,
    };
  }
  return connectionJob("connection", connection, [source.layer, a], [target.layer, b], store, signal);
}

/** The null control of a connection; none where there is no control, or an end was skipped. */
function controlOf(
  connection: Connection,
  source: SpectrumJob,
  target: SpectrumJob,
  store: SpectrumStore,
  signal?: AbortSignal,
): ConnectionJob<"control">[] {
  const { control: a } = source;
  const { control: b } = target;
  if (a === undefined && b === undefined) return [];
  const turned = turnedEnd(connection, source.graph, (a ?? b)!.unfolding);
  const end = (job: SpectrumJob, isTurned: boolean) =>
    isTurned ? job.control?.turned ?? null : "skipped" in job.spectrum ? null : job.spectrum;
  const ends = [end(source, turned === "source"), end(target, turned === "target")] as const;
  const [from, to] = ends;
  if (from === null || to === null) {
    for (const each of ends) if (each !== null) store.skipUse(each);
    return [];
  }
  return [connectionJob("control", connection, [source.layer, from], [target.layer, to], store, signal)];
}

function connectionJob<Kind extends ConnectionKind>(
  kind: Kind,
  connection: Connection,
  [source, a]: readonly [Layer, SpectrumHandle],
  [target, b]: readonly [Layer, SpectrumHandle],
  store: SpectrumStore,
  signal?: AbortSignal,
): ConnectionJob<Kind> {
  store.announce(a);
  const workspace = connectionWorkspace(a.singularValues.length, b.singularValues.length, target.positions);
  return {
    kind,
    connection,
    source,
    target,
    sourceValues: a.singularValues,
    targetValues: b.singularValues,
    withSpectra: (work) => store.use(a, b, workspace, work, signal),
  };
}
