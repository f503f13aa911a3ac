/** Formats of plugins: what they give is checked, since everything behind it relies on it. */

import { show } from "../../src/model/errors.ts";
import type { PluginFormat } from "../../src/model/plugin.ts";
import type { InputFile, Model, SourceFormat } from "../../src/model/ports.ts";
import { elementCount } from "../../src/model/tensor.ts";

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * A plugin's format as one of ours.
 *
 * @param revision what tells two editions of the plugin with the same version apart, where that is known
 * @returns a format whose models carry `plugin`, and which throws a `TypeError` that names the format where a model,
 * a digest or the values of a tensor are not what `Model` says
 */
export function pluginFormat(format: PluginFormat, revision = ""): SourceFormat {
  const { name, version, extensions } = format;
  const plugin = [name, version, revision].filter((part) => part !== "").join(" ");
  return {
    name,
    extensions,
    async open(path, id, signal) {
      const what = `${path}: format ${name} of a plugin`;
      const model = await format.open(path, id, signal);
      requireModel(what, model);
      const shapes = new Map(model.tensors.map((tensor) => [tensor.name, tensor.shape]));
      const { tensors, metadata, graph, operators, config, moduleOrder, networks, warnings } = model;
      return {
        id,
        uri: path,
        format: name,
        plugin,
        tensors,
        metadata,
        ...graph === undefined ? {} : { graph },
        ...operators === undefined ? {} : { operators },
        ...config === undefined ? {} : { config },
        ...moduleOrder === undefined ? {} : { moduleOrder },
        ...networks === undefined ? {} : { networks },
        ...warnings === undefined ? {} : { warnings },
        async read(tensor, signal) {
          const values: unknown = await model.read(tensor, signal);
          const length = elementCount(shapes.get(tensor) ?? []);
          if (values instanceof Float64Array && values.length === length) return values;
          const found = values instanceof Float64Array ? `${values.length} numbers` : kindOf(values);
          throw new TypeError(
            `${what}: read(${show(tensor)}): found ${found}, required a Float64Array of ${length}`,
          );
        },
        async inputs(signal, tensors, known) {
          const files: unknown = await model.inputs(signal, tensors, known);
          if (Array.isArray(files) && files.length > 0 && files.every(isDigested)) {
            return files as InputFile[];
          }
          throw new TypeError(
            `${what}: inputs(): found ${
              show(files)
            }, required the files behind the model, at least one, each with path, bytes and sha256 (64 hex digits)`,
          );
        },
        close: () => model.close(),
      };
    },
  };
}

function isDigested(file: unknown): boolean {
  const { path, bytes, sha256 } = (file ?? {}) as Partial<Record<keyof InputFile, unknown>>;
  return typeof path === "string" && typeof bytes === "number" && typeof sha256 === "string" &&
    SHA256.test(sha256);
}

/** @throws {TypeError} when a value is no model; names the property */
function requireModel(what: string, value: unknown): asserts value is Model {
  const model = (value ?? {}) as Readonly<Record<string, unknown>>;
  for (const method of ["read", "inputs", "close"]) {
    if (typeof model[method] === "function") continue;
    throw new TypeError(`${what}: ${method}: found ${kindOf(model[method])}, required a function`);
  }
  const { tensors, metadata } = model;
  if (!(metadata instanceof Map)) {
    throw new TypeError(`${what}: metadata: found ${kindOf(metadata)}, required a Map of texts`);
  }
  if (!Array.isArray(tensors)) {
    throw new TypeError(`${what}: tensors: found ${kindOf(tensors)}, required an array`);
  }
  for (const key of ["networks", "warnings"]) {
    const texts = model[key];
    if (texts === undefined || Array.isArray(texts) && texts.every((each) => typeof each === "string")) {
      continue;
    }
    throw new TypeError(`${what}: ${key}: found ${show(texts)}, required an array of texts, or none`);
  }
  const wrong = tensors.findIndex((tensor) => !isTensor(tensor));
  if (wrong >= 0) {
    throw new TypeError(
      `${what}: tensors[${wrong}]: found ${
        show(tensors[wrong])
      }, required name, dtype, shape (an array of integers from 0) and byteLength`,
    );
  }
}

function isTensor(value: unknown): boolean {
  const { name, dtype, shape, byteLength } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof dtype === "string" && typeof byteLength === "number" &&
    Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent) && Number(extent) >= 0);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "none";
  return typeof value === "object" ? value.constructor?.name ?? "an object" : typeof value;
}
