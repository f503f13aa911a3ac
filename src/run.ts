/**
 * `svrflow/run`: what the command line does, from code. A run, its report, questions to its graph, its pictures, and its
 * export. Models, stages, statistics and readers are in `svrflow`.
 *
 * @module
 */

import "./required-node.ts";

export { ConfigError } from "../config/document.ts";
export { type LoadedConfig, loadRunConfig, type Overrides, runConfigOf } from "../config/load.ts";
export type { RunConfig, RunConfigInput } from "../config/schema.ts";
export type { Neo4jChoices } from "../connectors/sinks/neo4j/neo4j-settings.ts";
export type {
  Finding,
  FindingKind,
  FindingNumber,
  FindingTable,
  Query,
} from "./analysis/findings/finding.ts";
export type { ModelFigures } from "./analysis/findings/figures.ts";
export type { ModelReport, ReportedEdge } from "./analysis/report.ts";
export type { AnswerType, CypherDialect, GraphReader, QueryAnswer } from "./model/graph-reader.ts";
export type { ParameterValue, QueryColumn, QueryHeader, QueryParameter } from "./query/query-header.ts";
export {
  askQuery,
  bindQuery,
  type BoundQuery,
  type LibraryQuery,
  listQueries,
  loadQuery,
  queryOf,
} from "./query/query-library.ts";
export { readReport } from "./report/report-file.ts";
export { reportMarkdown } from "./report/report-markdown.ts";
export type { ModelReports, ReportFrame, RunReport } from "./report/run-report.ts";
export { type Exported, exportForNeo4jAdmin, type ExportOptions } from "./run/export.ts";
export type { Progress, ProgressEvent } from "./run/progress/progress.ts";
export type { RunRecord } from "./run/records/records.ts";
export { run, type RunOptions, type RunOutcome, runPipeline, type RunSettings } from "./run/run-pipeline.ts";
export { mergeRun, sharedConfig } from "./run/workers/merge.ts";
export { runLeased } from "./run/workers/run-leased.ts";
export { type QueueOptions, runQueue } from "./run/workers/run-queue.ts";
export { runShare, type WorkerOutcome } from "./run/workers/run-share.ts";
export type { Share } from "./run/workers/share.ts";
export { type QueueWorkerOptions, workAtQueue } from "./run/workers/work-at-queue.ts";
export {
  type LookOptions,
  plotModels,
  type PlotOptions,
  plotRun,
  plotSeries,
  plotSpectrum,
  type Plotted,
  type PlottedSeries,
  type PlottedSpectrum,
} from "./viewer/plot.ts";
