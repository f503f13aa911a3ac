/**
 * The method against its reference program, on models too large for the repository. A file of its own, so
 * that it runs beside `svr.test.ts`.
 */

import { describeCase } from "./agreement.ts";
import { LARGE } from "./cases.ts";

for (const golden of LARGE) describeCase(golden);
