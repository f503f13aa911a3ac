import { kernelContract } from "./contract.ts";

kernelContract("native");
