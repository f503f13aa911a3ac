import { openPool } from "../../../src/kernels/pool.ts";
import { kernelContract } from "./contract.ts";

kernelContract("wasm", () => openPool({ name: "wasm", precision: "f64", threads: 2 }));
