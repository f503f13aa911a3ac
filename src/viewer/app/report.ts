/** The parts of `report.json` that the page shows. */

/** An edge of a chain. */
export interface ReportedEdge {
  readonly sourceLayer: number;
  readonly sourceNeuron: number;
  readonly targetLayer: number;
  readonly targetNeuron: number;
}

/** A query beside a finding. */
export interface ReportedQuery {
  readonly language: "cypher" | "sql";
  readonly text: string;
}

/** A finding. */
export interface ReportedFinding {
  readonly title: string;
  readonly caveats: readonly string[];
  readonly null_control: string;
  readonly queries: readonly ReportedQuery[];
}

/** A model of the report. */
export interface ReportedModel {
  readonly id: string;
  readonly findings: readonly ReportedFinding[];
  readonly measures: { readonly chains: readonly { readonly edges: readonly ReportedEdge[] }[] };
}

/** The report of a run. */
export interface Report {
  readonly models: readonly ReportedModel[];
}

/** The report beside the page. @throws {Error} when it cannot be read, or is none */
export async function readReport(): Promise<Report> {
  const answer = await fetch("data/report.json");
  if (!answer.ok) throw new Error(`data/report.json: found status ${answer.status}`);
  const report = await answer.json() as Partial<Report>;
  if (!Array.isArray(report.models) || !report.models.every(isModel)) {
    throw new Error("data/report.json: found no models with findings, required the report of a run");
  }
  return { models: report.models };
}

function isModel(value: Partial<ReportedModel> | null): boolean {
  return typeof value?.id === "string" && Array.isArray(value.findings) &&
    Array.isArray(value.measures?.chains);
}
