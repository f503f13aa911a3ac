import { kernelContract } from "./contract.ts";

kernelContract("reference");
