/** The version of svrflow, as every run records it. A test holds it equal to the package's. */
export const VERSION = "0.1.0";
