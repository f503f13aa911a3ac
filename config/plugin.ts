/** What the module of a plugin must export. */

import { z } from "zod";
import { ConfigError } from "./document.ts";
import { complaints } from "./issues.ts";

/** A path (`./my-format.ts`, `../shared/sink.mjs`, an absolute one) or the name of a package; no address, no builtin module. */
export const PLUGIN_MODULE =
  /^(?:\.{1,2}[\\/]|[\\/]|[A-Za-z]:[\\/]|(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*(?:\/|$))/;

const action = z.custom((value) => typeof value === "function", { error: "a function" });

const formatSchema = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, {
    error: "up to 64 lower case letters, digits and hyphens",
  }),
  version: z.string().min(1).max(64),
  extensions: z.array(
    z.string().regex(/^\.[a-z0-9][a-z0-9._-]{0,62}$/, { error: "an extension with its dot, lower case" }),
  ).min(1),
  open: action,
});

const sinkSchema = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, {
    error: "up to 64 lower case letters, digits and hyphens",
  }),
  open: action,
});

const pluginSchema = z.looseObject({
  formats: z.array(formatSchema).optional(),
  sinks: z.array(sinkSchema).optional(),
}).refine(({ formats, sinks }) => formats !== undefined || sinks !== undefined, {
  error: "formats (an array of {name, version, extensions, open}) or sinks (an array of {name, open})",
});

/**
 * Checks what a plugin exports.
 *
 * @param from named in messages
 * @param exported a module, or an object like one
 * @throws {ConfigError} when it has neither formats nor sinks, or one of them lacks something; names the property
 */
export function checkPlugin(from: string, exported: object): void {
  // A module's namespace has no prototype and shows as nothing much: its entries do.
  const value = Object.fromEntries(Object.entries(exported));
  const result = pluginSchema.safeParse(value);
  if (result.success) return;
  const found = complaints(result.error.issues, value, []).map(({ keys, message }) =>
    keys.length > 0
      ? message
      : `found exports ${Object.keys(value).join(", ") || "of nothing"}${
        message.slice(message.indexOf(", required"))
      }`
  );
  throw new ConfigError(`${from}: ${found.join("; ")}`, { cause: result.error });
}
