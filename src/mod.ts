/**
 * `svrflow`: the parts of the pipeline, for programs of one's own. What the command line does is in `svrflow/run`.
 *
 * The operators (`layers`, `unfold`, `svd`, `overlap`, `test`, `weight`, `sinks`) are the stages for RxJS, to be piped as
 * one likes; `spectralGraph` pipes them all. Below them lie pure functions and the statistics. Readers open what a run left.
 *
 * @module
 */

import "./required-node.ts";

export { ConfigError } from "../config/document.ts";
export { loadTopology } from "../config/load.ts";
export { openLake } from "../connectors/lake/open.ts";
export type { LakePlace } from "../connectors/lake/place.ts";
export { openLadybugReader } from "../connectors/readers/ladybug-reader.ts";
export { openNeo4jReader } from "../connectors/readers/neo4j-reader.ts";
export { readTable, type StoredModel, storedModels } from "../connectors/readers/run-tables.ts";
export type { Neo4jChoices } from "../connectors/sinks/neo4j/neo4j-settings.ts";
export { type SinkChoices, type SinkName, SINKS } from "../connectors/sinks/registry.ts";
export type { ByteRange, ByteSource, RemoteFile } from "../connectors/bytes.ts";
export { openPlace } from "../connectors/places/open.ts";
export { encodeModelId } from "../connectors/sinks/staging.ts";
export { digestFile, type Digesting } from "../connectors/sources/digest.ts";
export { resolveModels } from "../connectors/sources/collection.ts";
export { openSynthetic, type SyntheticSpec } from "../connectors/sources/synthetic.ts";
export { measureModel } from "./analysis/model-measures.ts";
export { measureOverlap } from "./analysis/overlap-measures.ts";
export { type LayerSparsification, type Sparsification, sparsification } from "./analysis/sparsification.ts";
export type { Engine } from "./flow/engine.ts";
export type {
  ConnectionEdges,
  ConnectionJob,
  EdgeJob,
  LayerJob,
  MatrixJob,
  SkippedConnection,
  SpectrumJob,
} from "./flow/jobs.ts";
export type { WantedMetrics } from "./flow/layer-measurement.ts";
export type { MetricSettings } from "./flow/metric-rows.ts";
export { layers } from "./flow/operators/layers.ts";
export { overlap, type OverlapSettings } from "./flow/operators/overlap.ts";
export { type ModelResult, sinks, type SinkSettings } from "./flow/operators/sinks.ts";
export { svd } from "./flow/operators/svd.ts";
export { type EdgeSettings, type EdgeTestSettings, test } from "./flow/operators/test.ts";
export { unfold } from "./flow/operators/unfold.ts";
export { weight } from "./flow/operators/weight.ts";
export { type PipelineSettings, spectralGraph } from "./flow/pipeline.ts";
export type { Kernel, KernelInfo } from "./kernels/kernel.ts";
export { type KernelName, openKernel } from "./kernels/select.ts";
export { type FlowOrder, flowOrder } from "./model/flow-order.ts";
export type { ConnectionSummary, EdgeColumns, OverlapMeasures } from "./model/graph.ts";
export type { LayerMetrics, SpectralMetrics } from "./model/layer-metrics.ts";
export type {
  BatchNormScale,
  ChannelRange,
  Connection,
  Evidence,
  Layer,
  LayerGraph,
  Skipped,
  Unfolding,
  Via,
} from "./model/layer.ts";
export type { FlattenOrder, LayerDraft } from "./model/layer-draft.ts";
export type { Chain, ChainEdge, Hub, ModelMeasures, PathMetric, StrongEdge } from "./model/measures.ts";
export type { AnswerType, CypherDialect, GraphReader, QueryAnswer } from "./model/graph-reader.ts";
export type {
  ChainLinks,
  InputFile,
  KnownDigests,
  MeasuredModel,
  MeasureModel,
  Model,
  ModelHeader,
  ModelMeasurer,
  ModelShape,
  ModelSink,
  OpenSink,
  RecordedModel,
  RunHeader,
  Sink,
  SourceFormat,
  WrittenFile,
} from "./model/ports.ts";
export { type AnyTableName, COMPARISON_TABLES, type ComparisonTableName } from "./model/comparison-tables.ts";
export type { Plugin, PluginFormat, PluginSink } from "./model/plugin.ts";
export type { Spectrum, Svd } from "./model/spectrum.ts";
export {
  type ColumnData,
  type ColumnSchema,
  type ColumnType,
  type Row,
  SCHEMA_VERSION,
  type TableBatch,
  type TableName,
  TABLES,
} from "./model/tables.ts";
export type { FileFacts, Matrix, TensorInfo, WeightLayout } from "./model/tensor.ts";
export type { Operator, OperatorGraph, Signal } from "./model/operators.ts";
export type { TopologyDeclaration } from "./model/topology.ts";
export { openModel } from "./run/collection/models.ts";
export { type EngineOptions, type OpenEngine, openEngine } from "./run/open-engine.ts";
export {
  effectiveFilters,
  type FilterBlock,
  type FilterChoice,
  filterShape,
  type NeuronRange,
} from "./stages/effective-filters.ts";
export { layerGraph, type LayerSettings } from "./stages/layers.ts";
export { compileWeight, type EdgeVariables, type EdgeWeight } from "./stages/weight.ts";
export { adjust, type Correction, expectedByChance } from "./stats/multiple-testing.ts";
export { logSurvivalOfSigma, sigmaOfLogP } from "./stats/normal.ts";
export { type NullDistribution, nullDistribution } from "./stats/null-distribution.ts";
export { type PermutationTest, permutationTest } from "./stats/permutation-test.ts";
export { type RotationNull, rotationNull } from "./stats/rotation-null.ts";
export { VERSION } from "./version.ts";
