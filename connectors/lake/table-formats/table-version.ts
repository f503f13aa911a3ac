/** A version of a table: what it is made of, and what has become of it. */

import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import type { LakePlace } from "../place.ts";
import type { DataFile, Footers } from "./table-files.ts";

/** What a version of a table is made of. */
export interface Commit {
  readonly place: LakePlace;
  readonly table: AnyTableName;
  /**
   * Reads all that the table consists of now. To be called after its last version has been read: whoever commits in between then makes the
   * next version first. In the other order, files that came in between would be taken out again.
   */
  readonly files: () => Promise<readonly DataFile[]>;
  readonly footers: Footers;
  /** Of the run that asks; null where none does. */
  readonly runId: string | null;
  /** Of svrflow. */
  readonly version: string;
}

/** What has become of a table. */
export interface Committed {
  /** The table's version now: of Delta from 0, of Iceberg's metadata from 1. */
  readonly version: number;
  /** Files that have come and files that have gone since the version before. */
  readonly added: number;
  readonly removed: number;
  readonly changed: boolean;
}
