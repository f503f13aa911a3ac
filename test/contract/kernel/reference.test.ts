import { openReferenceKernel } from "../../../src/kernels/reference.ts";
import { kernelContract } from "./contract.ts";

kernelContract("reference", () => Promise.resolve(openReferenceKernel()));
