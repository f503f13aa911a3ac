/** A shared library's functions, called from Node (koffi) or Deno (its own FFI). Every argument is a pointer. */

import { env, platform } from "node:process";
import { messageOf } from "../model/errors.ts";

/** A function of the library; arrays stand for the memory behind them. */
export type ForeignFunction = (
  ...pointers: (Uint8Array | Int32Array | Float64Array | Float32Array)[]
) => void;

/** A loaded library. */
export interface ForeignLibrary {
  readonly path: string;
  /** Functions by name, each with its number of pointer arguments. @throws when one is missing */
  functions<Name extends string>(arities: Readonly<Record<Name, number>>): Record<Name, ForeignFunction>;
  /** Calls `void name(int)` where the library has it. */
  callWithInt(name: string, value: number): void;
  /** What `const char *name(void)` says, where the library has it. */
  text(name: string): string | null;
}

/** Where OpenBLAS lies: what the user names, else what the system's loader finds. */
function candidates(): string[] {
  const named = env["SVRFLOW_BLAS"];
  if (named !== undefined && named !== "") return [named];
  if (platform === "darwin") {
    return [
      "libopenblas.dylib",
      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
      "/usr/local/opt/openblas/lib/libopenblas.dylib",
      "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    ];
  }
  return platform === "win32" ? ["libopenblas.dll"] : ["libopenblas.so.0", "libopenblas.so"];
}

/**
 * Loads the BLAS of this machine.
 *
 * @throws {Error} when there is none, or no way to call it; says what was tried
 */
export async function loadBlas(): Promise<ForeignLibrary> {
  const load = await loader();
  const failures: string[] = [];
  for (const path of candidates()) {
    try {
      return load(path);
    } catch (cause) {
      failures.push(`${path} (${messageOf(cause)})`);
    }
  }
  throw new Error(`native kernel: found no BLAS, required one of ${failures.join(", ")}`);
}

type Load = (path: string) => ForeignLibrary;

async function loader(): Promise<Load> {
  const deno = (globalThis as { readonly Deno?: DenoFfi }).Deno;
  if (deno !== undefined) return (path) => onDeno(deno, path);
  try {
    const { default: koffi } = await import("koffi");
    return (path) => onNode(koffi, path);
  } catch (cause) {
    throw new Error(`native kernel: found no koffi, required it (npm install koffi): ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The part of koffi that we use. */
interface Koffi {
  load(path: string): { func(definition: string): (...values: unknown[]) => unknown };
}

function onNode(koffi: Koffi, path: string): ForeignLibrary {
  const library = koffi.load(path);
  return {
    path,
    functions: (arities) =>
      bound(
        arities,
        (name, arity) =>
          library.func(`void ${name}(${Array.from({ length: arity }, () => "void *").join(", ")})`),
      ),
    callWithInt(name, value) {
      optional(() => library.func(`void ${name}(int value)`))?.(value);
    },
    text: (name) =>
      (optional(() => library.func(`const char *${name}(void)`))?.() as string | undefined) ?? null,
  };
}

/** The part of Deno's FFI that we use; the check runs where its types are not known. */
interface DenoFfi {
  dlopen(path: string, symbols: Record<string, { parameters: string[]; result: string }>): {
    readonly symbols: Record<string, (...values: unknown[]) => unknown>;
  };
  readonly UnsafePointerView: { getCString(pointer: unknown): string };
}

function onDeno(deno: DenoFfi, path: string): ForeignLibrary {
  const open = (name: string, parameters: string[], result: string) =>
    deno.dlopen(path, { [name]: { parameters, result } }).symbols[name]!;
  // Fails here, and not at the first call, where there is no such library.
  deno.dlopen(path, {});
  return {
    path,
    functions: (arities) =>
      bound(arities, (name, arity) => open(name, Array.from({ length: arity }, () => "buffer"), "void")),
    callWithInt(name, value) {
      optional(() => open(name, ["i32"], "void"))?.(value);
    },
    text(name) {
      const pointer = optional(() => open(name, [], "pointer"))?.();
      return pointer === undefined || pointer === null ? null : deno.UnsafePointerView.getCString(pointer);
    },
  };
}

function bound<Name extends string>(
  arities: Readonly<Record<Name, number>>,
  bind: (name: string, arity: number) => (...values: unknown[]) => unknown,
): Record<Name, ForeignFunction> {
  const entries = Object.entries<number>(arities).map(([name, arity]) => [name, bind(name, arity)]);
  return Object.fromEntries(entries) as Record<Name, ForeignFunction>;
}

function optional<T>(find: () => T): T | null {
  try {
    return find();
  } catch {
    return null; // the library has no such function
  }
}
