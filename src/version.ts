/**
 * The version of svrflow, as every run records it. A test holds it equal to the package's.
 *
 * @example
 * import { VERSION } from "svrflow";
 *
 * console.log(VERSION);
 */
export const VERSION = "0.1.0";
