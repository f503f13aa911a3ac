/** Files damaged at random: a reader either reads them or refuses them in one line, soon and within bounds. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Random, random } from "../../../connectors/sources/random.ts";
import type { SourceFormat } from "../../../src/model/ports.ts";

const MUTATIONS = 10_000;

/** The slowest reading that is borne, in milliseconds of this process's own time, so that a busy machine does not count. */
const SLOWEST = 1000;

const MOST_BYTES = 256 * 2 ** 20;

/** Values that break careless arithmetic, beside any byte. */
const NASTY = [0, 1, 0x7f, 0x80, 0xff, 0x28, 0x2e, 0x7d, 0x52, 0x51];

function mutated(good: Buffer, { uniform }: Random): Buffer {
  const below = (count: number) => Math.floor(uniform() * count);
  let bytes: Buffer = Buffer.from(good);
  for (let edits = below(5); edits >= 0; edits--) {
    if (bytes.length === 0) break;
    const at = below(bytes.length);
    const kind = below(8);
    if (kind < 3) bytes[at] = below(256);
    else if (kind < 5) bytes[at] = NASTY[below(NASTY.length)]!;
    else if (kind === 5) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]);
    else if (kind === 6) {
      const from = below(bytes.length);
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(from, from + below(64)),
        bytes.subarray(at),
      ]);
    } else if (below(4) === 0) bytes = bytes.subarray(0, at);
    else bytes.fill(0xff, at, Math.min(at + 8, bytes.length));
  }
  return bytes;
}

/** What is mutated: a whole file, or a part that is then put into a file with checksums that are right. */
export type Damageable = readonly [name: string, bytes: Buffer, wrap?: (bytes: Buffer) => Buffer];

/** Ten thousand seeded mutations of these files, by name, divided among them. */
export function damageSuite(format: SourceFormat, files: readonly Damageable[]): void {
  describe(`damaged files: ${format.name}`, () => {
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "damaged-"));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    for (const [name, good, wrap = (bytes: Buffer) => bytes] of files) {
      it(`${name}: read, or refused in one line that names it`, async () => {
        const path = join(folder, basename(name));
        let refused = 0;
        for (let count = 0; count < Math.ceil(MUTATIONS / files.length); count++) {
          await writeFile(path, wrap(mutated(good, random(count, name))));
          const before = process.cpuUsage(), memory = process.memoryUsage();
          const failure = await readAll(format, path).then(() => null, (thrown: unknown) => thrown);
          const { user, system } = process.cpuUsage(before), after = process.memoryUsage();
          expect((user + system) / 1000, `mutation ${count}`).toBeLessThan(SLOWEST);
          const grown = after.heapTotal + after.arrayBuffers - memory.heapTotal - memory.arrayBuffers;
          expect(grown, `mutation ${count}`).toBeLessThan(MOST_BYTES);
          if (failure === null) continue;
          refused++;
          const known = failure instanceof SyntaxError || failure instanceof RangeError ||
            failure instanceof TypeError;
          if (!known) throw new Error(`mutation ${count}: another error`, { cause: failure });
          expect(failure.message.startsWith(path), `mutation ${count}: ${failure.message}`).toBe(true);
          expect(failure.message).not.toContain("\n");
          expect(failure.message.length).toBeLessThan(path.length + 600);
        }
        expect(refused).toBeGreaterThan(MUTATIONS / files.length / 10);
      });
    }
  });
}

async function readAll(format: SourceFormat, path: string): Promise<void> {
  const model = await format.open(path, "id");
  try {
    for (const { name, unreadable } of model.tensors) if (unreadable === undefined) await model.read(name);
  } finally {
    await model.close();
  }
}
