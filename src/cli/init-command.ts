/** `svr init`: a config with every setting, its default and what it does. */

import { access, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { stringify } from "yaml";
import { ConfigError } from "../../config/document.ts";
import { runConfigJsonSchema } from "../../config/schema.ts";
import { codeOf } from "../model/errors.ts";

/** Columns of a comment. */
const WIDTH = 100;

interface Property {
  readonly description?: string;
  readonly default?: unknown;
}

/** Adds the command. */
export function addInitCommand(program: Command, write: (text: string) => void): void {
  program.command("init")
    .description("write a config with every setting, its default and what it does, as comments")
    .argument("[file]", "where to; a file that is there is left alone", "svrflow.yaml")
    .option("--models <glob>", "what is read", "*.safetensors")
    .action(async (file: string, { models }: { models: string }) => {
      const path = resolve(file);
      if (await isThere(path)) throw new ConfigError(`${file}: found a file, required a name that is free`);
      const schema = fileURLToPath(new URL("../../config/run-config.schema.json", import.meta.url));
      await writeFile(path, configText(models, relative(dirname(path), schema)), { flag: "wx" });
      write(`${file}: written; svr check ${file} looks at it, svr run ${file} runs it\n`);
    });
}

/**
 * A config in which only `models` is set; every other setting is there as a comment.
 *
 * @param schema path of the JSON Schema, from the config's folder
 */
export function configText(models: string, schema: string): string {
  const { properties } = runConfigJsonSchema() as { readonly properties: Readonly<Record<string, Property>> };
  const { models: read, ...others } = properties;
  return [
    `# yaml-language-server: $schema=${schema.replaceAll("\\", "/")}`,
    "# A config of svrflow. Settings behind a # have their defaults; take the # away to change one.",
    "",
    ...commented(read?.description ?? ""),
    stringify({ models }).trim(),
    ...Object.entries(others).flatMap(([key, property]) => [
      "",
      ...commented(property.description ?? ""),
      property.default === undefined
        ? `# ${key}: …`
        : `# ${
          stringify({ [key]: property.default }, { collectionStyle: "flow", lineWidth: 0 }).trim().replace(
            /^\{ (.*) \}$/,
            "$1",
          )
        }`,
    ]),
    "",
  ].join("\n");
}

/** A text as lines of a comment. */
function commented(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((each) => each !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (failure) {
    if (codeOf(failure) === "ENOENT") return false;
    throw failure;
  }
}
