/** Addresses of modules that threads and processes run. */

/**
 * The address of a module beside the one that asks. Both are TypeScript in the source tree and JavaScript in the package.
 *
 * @param name without its extension
 * @param from `import.meta.url` of the module that asks
 * @example
 * new Worker(moduleUrl("./worker", import.meta.url));
 */
export function moduleUrl(name: string, from: string): URL {
  return new URL(name + from.slice(from.lastIndexOf(".")), from);
}
