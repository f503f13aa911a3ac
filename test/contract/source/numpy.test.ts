import { writeFile } from "node:fs/promises";
import { describe } from "vitest";
import { numpy } from "../../../connectors/sources/numpy/numpy.ts";
import { npyOf, type NpyStyle } from "../../support/files/npy-file.ts";
import { EXACT_FLOATS, EXACT_INTEGERS } from "../../support/files/written-tensor.ts";
import { zipOf } from "../../support/files/zip-file.ts";
import { sourceContract } from "./contract.ts";

const { F32, F64, F16 } = EXACT_FLOATS;

describe.each<[string, NpyStyle & { readonly deflate: boolean }]>([
  ["stored, little-endian", { deflate: false }],
  ["deflated, big-endian, header of version 2", { deflate: true, little: false, version: 2 }],
])("NumPy's archives, %s", (_, style) => {
  sourceContract(numpy, {
    write: (path, tensors) =>
      writeFile(
        path,
        zipOf(tensors.map((tensor) => ({
          name: `${tensor.name}.npy`,
          data: npyOf(tensor, style),
          deflate: style.deflate,
        }))),
      ),
    unreadable: "C64",
    exact: { F32, F64, F16, ...EXACT_INTEGERS },
  });
});
