import { kernelContract } from "./contract.ts";

kernelContract("wasm");
