/** What a model consists of, before anything is computed. */

import type { ReportTable } from "../analysis/report.ts";
import { sharedChannels, unfoldedShape } from "../model/layer.ts";
import { layerGraph } from "../stages/layers.ts";
import type { PlannedModel } from "./models.ts";

/** What `svr inspect` says of a model. */
export interface Inspection {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly layers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly out_channels: number;
    readonly in_channels: number;
    readonly positions: number;
    readonly groups: number;
    readonly matrix: string;
    readonly batch_norm: string;
  }[];
  readonly connections: readonly {
    readonly from: string;
    readonly to: string;
    readonly via: string;
    readonly evidence: string;
    readonly channels: number;
  }[];
  readonly skipped: readonly { readonly subject: string; readonly name: string; readonly reason: string }[];
}

/**
 * Reads a model's header and lays out its layer graph; no weight is read.
 *
 * @throws when the model cannot be opened, or its topology does not fit it
 */
export async function inspectModel(planned: PlannedModel, signal?: AbortSignal): Promise<Inspection> {
  const model = await planned.open(signal);
  try {
    const { layers, connections, skipped, warnings } = layerGraph(model, { topology: planned.topology });
    return {
      id: model.id,
      uri: model.uri,
      format: model.format,
      metadata: Object.fromEntries(model.metadata),
      warnings,
      layers: layers.map((layer) => {
        const { rows, cols } = unfoldedShape(layer, "svr");
        return {
          name: layer.name,
          kind: layer.kind,
          dtype: layer.dtype,
          shape: layer.weight.shape,
          out_channels: layer.outChannels,
          in_channels: layer.inChannels,
          positions: layer.positions,
          groups: layer.groups,
          matrix: `${rows} x ${cols}`,
          batch_norm: layer.batchNorm,
        };
      }),
      connections: connections.map((connection) => ({
        from: layers[connection.source]?.name ?? "",
        to: layers[connection.target]?.name ?? "",
        via: connection.via,
        evidence: connection.evidence,
        channels: sharedChannels(connection),
      })),
      skipped,
    };
  } finally {
    await model.close();
  }
}

/** The tables of an inspection. */
export function inspectionTables({ layers, connections, skipped }: Inspection): ReportTable[] {
  const tables: ReportTable[] = [
    {
      title: "Layers",
      header: ["name", "kind", "dtype", "shape", "out", "in", "positions", "groups", "matrix", "batch norm"],
      numeric: [false, false, false, false, true, true, true, true, true, false],
      rows: layers.map((layer) => [
        ...[layer.name, layer.kind, layer.dtype, layer.shape.join(" x "), String(layer.out_channels)],
        ...[
          String(layer.in_channels),
          String(layer.positions),
          String(layer.groups),
          layer.matrix,
          layer.batch_norm,
        ],
      ]),
    },
    {
      title: "Connections",
      header: ["from", "to", "via", "evidence", "channels"],
      numeric: [false, false, false, false, true],
      rows: connections.map((
        { from, to, via, evidence, channels },
      ) => [from, to, via, evidence, String(channels)]),
    },
  ];
  if (skipped.length > 0) {
    tables.push({
      title: "Skipped",
      header: ["what", "name", "why"],
      numeric: [false, false, false],
      rows: skipped.map(({ subject, name, reason }) => [subject, name, reason]),
    });
  }
  return tables;
}
