/** What a plugin gives: formats and sinks from outside. */

import type { OpenSink, SourceFormat } from "./ports.ts";

/** A file format of a plugin. */
export interface PluginFormat extends SourceFormat {
  /** To be raised whenever the format reads a file differently: models that another version has read are computed again. */
  readonly version: string;
}

/** A sink of a plugin. */
export interface PluginSink {
  /** Lower case letters, digits and hyphens; also the folder, within the output folder, of whatever files it writes. */
  readonly name: string;
  readonly open: OpenSink;
}

/** What the module of a plugin exports: one of the two, or both. */
export interface Plugin {
  readonly formats?: readonly PluginFormat[];
  readonly sinks?: readonly PluginSink[];
}
