/** Writes the JSON Schemas beside it; run by `npm run schema` whenever a schema has changed. */

import { writeFile } from "node:fs/promises";
import { runConfigJsonSchema } from "./schema.ts";
import { topologyJsonSchema } from "./topology.ts";

const SCHEMAS = {
  "run-config.schema.json": runConfigJsonSchema(),
  "topology.schema.json": topologyJsonSchema(),
};
for (const [name, schema] of Object.entries(SCHEMAS)) {
  await writeFile(new URL(name, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
