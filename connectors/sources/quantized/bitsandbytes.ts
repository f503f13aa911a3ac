/** bitsandbytes: codes of four bits whose state stands beside them, and integers of eight bits with the largest of each row. */

import { show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { Computed } from "../computed.ts";
import { parseJson } from "../json-file.ts";
import { checkType, computedOf, isCount, misfit, partOf, type Rule, type Stored } from "./rule.ts";

/** The state has some hundred bytes. */
const LONGEST_STATE = 2 ** 16;

/** Values of a scale that is quantized itself: as many as a byte has. */
const NESTED_CODES = 256;

/** NF4 and FP4: the names say all, and the state the rest. */
export const fourBits: Rule = async (tensor, stored) => {
  const kind = ["nf4", "fp4"].find((each) => stored.tensors.has(stateName(tensor.name, each)));
  if (kind === undefined) return null;
  checkType(stored, tensor, ["U8"]);
  const state = await stateOf(tensor, kind, stored);
  const bytes = elementCount(tensor.shape);
  const count = elementCount(state.shape);
  if (bytes !== Math.ceil(count / 2)) {
    misfit(stored, tensor, `${Math.ceil(count / 2)} bytes for shape ${show(state.shape)} in its quant_state`);
  }
  const blocks = Math.ceil(count / state.block);
  const map = partOf(stored, `${tensor.name}.quant_map`, ["F32"], [16]);
  const absmax = partOf(stored, `${tensor.name}.absmax`, [state.nested === null ? "F32" : "U8"], [blocks]);
  const second = state.nested === null ? [] : [
    partOf(stored, `${tensor.name}.nested_absmax`, ["F32"], [Math.ceil(blocks / state.nested.block)]),
    partOf(stored, `${tensor.name}.nested_quant_map`, ["F32"], [NESTED_CODES]),
  ];
  return computedOf(
    {
      name: tensor.name,
      dtype: kind.toUpperCase(),
      shape: state.shape,
      rule: `bitsandbytes ${kind.toUpperCase()}, blocks of ${state.block}${
        state.nested === null ? "" : ", scales quantized too"
      } (quant_state)`,
    },
    // The state says which of the others are read, so it is a part.
    [tensor, map, absmax, ...second, stored.tensors.get(stateName(tensor.name, kind))!],
    (codes, values, scales, ...nested) => {
      const largest = state.nested === null ? scales : scales.map((code, at) => {
        const whole = Math.fround(nested[0]![Math.floor(at / state.nested!.block)]! * nested[1]![code]!);
        return Math.fround(whole + state.nested!.offset);
      });
      return Float64Array.from({ length: count }, (_, at) => {
        // The upper half of a byte comes first.
        const code = at % 2 === 0 ? codes[at >> 1]! >> 4 : codes[at >> 1]! & 15;
        return Math.fround(values[code]! * largest[Math.floor(at / state.block)]!);
      });
    },
  );
};

const stateName = (weight: string, kind: string) => `${weight}.quant_state.bitsandbytes__${kind}`;

/** What a quantized weight says of itself. */
interface State {
  readonly shape: readonly number[];
  readonly block: number;
  readonly nested: { readonly block: number; readonly offset: number } | null;
}

async function stateOf({ name }: TensorInfo, kind: string, stored: Stored): Promise<State> {
  const tensor = stored.tensors.get(stateName(name, kind))!;
  checkType(stored, tensor, ["U8"]);
  if (elementCount(tensor.shape) > LONGEST_STATE) misfit(stored, tensor, `at most ${LONGEST_STATE} bytes`);
  const place = `${stored.uri}: tensor ${show(tensor.name)}`;
  const said = parseJson(place, Uint8Array.from(await stored.read(tensor.name)));
  const fields: Readonly<Record<string, unknown>> = typeof said === "object" && said !== null
    ? { ...said }
    : {};
  const refuse = (field: string, required: string): never => {
    throw new SyntaxError(`${place}, ${field}: found ${show(fields[field])}, required ${required}`);
  };
  const count = (field: string): number => {
    const value = fields[field];
    return typeof value === "number" && isCount(value) ? value : refuse(field, "1 or more");
  };
  const { shape, quant_type: type, nested_offset: offset } = fields;
  if (type !== kind) refuse("quant_type", kind);
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > 8 || !shape.every(isCount)) {
    return refuse("shape", "1 to 8 extents");
  }
  const isNested = fields["nested_blocksize"] !== undefined;
  if (isNested && (typeof offset !== "number" || !Number.isFinite(offset))) {
    refuse("nested_offset", "a number");
  }
  return {
    shape: shape as number[],
    block: count("blocksize"),
    nested: isNested ? { block: count("nested_blocksize"), offset: Math.fround(offset as number) } : null,
  };
}

/** `1 / 127` as the library has it, a float32. */
const STEP = Math.fround(1 / 127);

/** LLM.int8: rows of integers, with the largest of each row. The name of that leaves one reading only. */
export const eightBits: Rule = (tensor, stored) => {
  const module = /^(.*\.)weight$/.exec(tensor.name)?.[1];
  if (module === undefined || tensor.dtype !== "I8" || !stored.tensors.has(`${module}SCB`)) return null;
  const [rows, cols] = partOf(stored, tensor.name, ["I8"], [null, null]).shape as [number, number];
  const largest = partOf(stored, `${module}SCB`, ["F32"], [rows]);
  const format = stored.tensors.get(`${module}weight_format`);
  const made = computedOf(
    {
      name: tensor.name,
      dtype: "INT8",
      shape: [rows, cols],
      rule: "bitsandbytes int8, a scale for each row (SCB)",
    },
    [tensor, largest, ...format === undefined ? [] : [format]],
    (codes, scb) =>
      codes.map((code, at) => Math.fround(Math.fround(code * scb[Math.floor(at / cols)]!) * STEP)),
  );
  return format === undefined ? made : rowMajorOnly(made, format, stored);
};

/** Files of other layouts, which older versions wrote, are not read. */
async function rowMajorOnly(made: Computed, format: TensorInfo, stored: Stored): Promise<Computed | null> {
  if (elementCount(format.shape) !== 1) misfit(stored, format, "one number");
  const [value] = await stored.read(format.name);
  return value === 0 ? made : null;
}
