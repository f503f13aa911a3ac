/** What a test run has for suites that need a graph server. Types only: on Deno the suites are checked without what starts the server. */

/** How a client reaches a server. */
export interface Access {
  readonly uri: string;
  readonly username: string;
  readonly password: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    graphServer: {
      /** The shared server, where a suite asked for it and it can be had. */
      readonly access: Access | null;
      /** What is missing for the shared server, or null. */
      readonly missing: string | null;
      /** What is missing to start a server of one's own, or null. `NEO4J_URI` is no help here. */
      readonly missingOwn: string | null;
    };
  }
}
