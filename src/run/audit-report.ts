/** What the weights of a model say to its topology, with names and in words. */

import type {
  AuditedFit,
  AuditedSide,
  AuditReport,
  ContradictedConnection,
  UndeclaredChannels,
} from "../model/audit-report.ts";
import { pText, shortened } from "../analysis/findings/words.ts";
import { counted } from "../model/counted.ts";
import type { Engine } from "../flow/engine.ts";
import type { Layer, LayerGraph } from "../model/layer.ts";
import type { Audit } from "../stages/topology/audit/audit.ts";
import type { InferredFrom } from "../stages/topology/inference/layer-reader.ts";
import { type Contradiction, type Fit, VERDICTS } from "../stages/topology/audit/contradictions.ts";
import type { ChannelPart } from "../stages/topology/audit/parts.ts";
import type { UndeclaredSpace } from "../stages/topology/audit/undeclared-spaces.ts";

/** So many sides of a space are named in a sentence. */
const MOST_NAMED = 4;

/**
 * Holds the topology of a model against its weights.
 *
 * @throws {RangeError} when a layer needs more than the whole budget
 * @throws what reading throws, and the signal's reason once it is aborted
 */
export async function audited(
  model: InferredFrom,
  graph: LayerGraph,
  { kernel, budget }: Pick<Engine, "kernel"> & Partial<Pick<Engine, "budget">>,
  signal?: AbortSignal,
): Promise<AuditReport> {
  const { audit } = await import("../stages/topology/audit/audit.ts");
  const options = { budget, ...signal === undefined ? {} : { signal } };
  return auditReport(await audit(model, graph, kernel, options), graph);
}

/** An audit with the names of a graph's layers. */
export function auditReport(audit: Audit, graph: LayerGraph): AuditReport {
  const words = new Words(graph.layers, audit.looked);
  const count = (verdict: string) => audit.verdicts.filter((each) => each === verdict).length;
  return {
    looked: audit.looked,
    connections: Object.fromEntries(
      VERDICTS.map((verdict) => [verdict, count(verdict)]),
    ) as AuditReport["connections"],
    contradicted: audit.contradicted.map((each) =>
      words.contradicted(each, graph.connections[each.connection]!.part)
    ),
    exchanged: audit.exchanged.map(({ first, second }) => {
      const [a, b] = [graph.layers[first]!.name, graph.layers[second]!.name];
      return {
        first: a,
        second: b,
        said: `${shortened(a)} and ${
          shortened(b)
        } fit in each other's place: there the weights show their connections`,
      };
    }),
    undeclared: audit.undeclared.map((each) => words.undeclared(each)),
  };
}

class Words {
  readonly #layers: readonly Layer[];
  readonly #looked: number;

  constructor(layers: readonly Layer[], looked: number) {
    this.#layers = layers;
    this.#looked = looked;
  }

  contradicted(
    { writer, reader, logP, joinedLogP, writerFit, readerFit }: Contradiction,
    part: number,
  ): ContradictedConnection {
    const [from, to] = [this.#layers[writer.layer]!.name, this.#layers[reader.layer]!.name];
    const named = `${shortened(from)} -> ${shortened(to)}`;
    const fits = [[writer, writerFit], [reader, readerFit]] as const;
    const said = fits.flatMap(([own, fit]) =>
      fit === null ? [] : [`${this.#named(own)} with ${this.#named(fit.part)} (${this.#corrected(fit.logP)})`]
    );
    return {
      from,
      to,
      part,
      source: this.#side(writer),
      target: this.#side(reader),
      log_p: logP,
      joined_log_p: joinedLogP,
      source_fit: this.#fit(writerFit),
      target_fit: this.#fit(readerFit),
      said: `${named}: their channels do not agree (p ${pText(logP)}; with all that agree with either, p ${
        pText(joinedLogP)
      }); what agrees is ${said.join(", and ")}`,
    };
  }

  undeclared({ width, spaces, first, second, logP, pairs }: UndeclaredSpace): UndeclaredChannels {
    const others = pairs === 1 ? "" : `, and so do ${counted(pairs - 1, "other pair")}`;
    return {
      channels: width,
      spaces: spaces.map((some) => some.map((part) => this.#side(part))),
      first: this.#side(first),
      second: this.#side(second),
      log_p: this.#correctedLogP(logP),
      pairs,
      said: `${width} channels are one space by the weights, and ${spaces.length} by the connections: ${
        spaces.map((some) => this.#space(some)).join(" | ")
      }. ${this.#named(first)} agrees with ${this.#named(second)} (${this.#corrected(logP)})${others}`,
    };
  }

  #space(parts: readonly ChannelPart[]): string {
    const named = parts.slice(0, MOST_NAMED).map((part) => this.#named(part)).join(", ");
    return parts.length > MOST_NAMED ? `${named} and ${parts.length - MOST_NAMED} more` : named;
  }

  /** `conv1 out`, `conv1 in 8-23`. */
  #named(part: ChannelPart): string {
    const { layer, side, first_channel: first, channels } = this.#side(part);
    const { outChannels, inChannels } = this.#layers[part.layer]!;
    const isWhole = channels === (side === "out" ? outChannels : inChannels);
    return `${shortened(layer)} ${side}${isWhole ? "" : ` ${first}-${first + channels - 1}`}`;
  }

  #side({ layer, side, from, width }: ChannelPart): AuditedSide {
    return {
      layer: this.#layers[layer]!.name,
      side: side === "out" ? "out" : "in",
      first_channel: from,
      channels: width,
    };
  }

  #fit(fit: Fit | null): AuditedFit | null {
    return fit === null ? null : { ...this.#side(fit.part), log_p: this.#correctedLogP(fit.logP) };
  }

  #correctedLogP(logP: number): number {
    return Math.min(0, logP + Math.log(this.#looked));
  }

  #corrected(logP: number): string {
    return `p ${pText(this.#correctedLogP(logP))}`;
  }
}
