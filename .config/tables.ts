/** `npm run tables`: writes `docs/tables.md` from the definitions of the columns. */

import { writeFile } from "node:fs/promises";
import { tablesPage } from "../src/report/tables-page.ts";

await writeFile(new URL("../docs/tables.md", import.meta.url), tablesPage());
