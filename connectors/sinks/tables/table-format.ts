/** Formats of table files. */

import type { TableFilePlan } from "./table-file.ts";

/** How a format writes table files. */
export interface TableFormat {
  readonly name: TableFilePlan["format"];
  /** With the dot. */
  readonly extension: string;
  /** Folder of the tables within the place, `.` for the place itself. */
  readonly root: string;
  /** Bytes after which a table goes on in another file. */
  readonly mostBytes: number;
  /** Whether edges are sorted, and a manifest says which files there are. */
  readonly lake: boolean;
}
