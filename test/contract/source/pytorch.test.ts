import { writeFile } from "node:fs/promises";
import { describe } from "vitest";
import { pytorch } from "../../../connectors/sources/pytorch/pytorch.ts";
import { torchFile } from "../../support/files/torch-file.ts";
import { EXACT_FLOATS, EXACT_INTEGERS } from "../../support/files/written-tensor.ts";
import { sourceContract } from "./contract.ts";

const { I64 = [], I32 = [], I16 = [], I8 = [], U8 = [], BOOL = [] } = EXACT_INTEGERS;

describe.each(["zip", "legacy"] as const)("PyTorch's %s container", (container) => {
  sourceContract(pytorch, {
    write: (path, tensors) => writeFile(path, torchFile(container, tensors)),
    unreadable: "C64",
    exact: { ...EXACT_FLOATS, I64, I32, I16, I8, U8, BOOL },
  });
});
