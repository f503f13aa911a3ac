/** Writes `run-config.schema.json`; run by `npm run schema` whenever the schema has changed. */

import { writeFile } from "node:fs/promises";
import { runConfigJsonSchema } from "./schema.ts";

const target = new URL("run-config.schema.json", import.meta.url);
await writeFile(target, `${JSON.stringify(runConfigJsonSchema(), null, 2)}\n`);
