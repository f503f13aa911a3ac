import { writeFile } from "node:fs/promises";
import { describe } from "vitest";
import { gguf } from "../../../connectors/sources/gguf/gguf.ts";
import { ggufFile, type GgufStyle, value } from "../../support/files/gguf-file.ts";
import { EXACT_FLOATS, EXACT_INTEGERS } from "../../support/files/written-tensor.ts";
import { sourceContract } from "./contract.ts";

const { I64, I32, I16, I8 } = EXACT_INTEGERS;

describe.each<[string, GgufStyle]>([
  ["version 3", {}],
  ["version 2, with metadata and an alignment of its own", {
    version: 2,
    alignment: 64,
    keys: [
      ["general.architecture", value.text("gpt2")],
      ["general.alignment", value.uint32(64)],
      ["tokenizer.ggml.tokens", value.texts(["a", "", "模型"])],
    ],
  }],
])("GGUF, %s", (_, style) => {
  sourceContract(gguf, {
    write: (path, tensors) => writeFile(path, ggufFile(tensors, style)),
    unreadable: "Q8_1",
    exact: { ...EXACT_FLOATS, I64: I64!, I32: I32!, I16: I16!, I8: I8! },
  });
});
