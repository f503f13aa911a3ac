/** What every reader must stand: thousands of damaged files, none of which may crash it, hold it up or take much memory. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuUsage, resourceUsage } from "node:process";
import { describe, expect, it } from "vitest";
import type { SourceFormat } from "../../../src/model/ports.ts";

/** Damaged files per format. */
const ROUNDS = 10_000;

/** Of a damaged file not more tensors are read than this: there is nothing new in the next. */
const MOST_READ = 4;

/** Bytes that lengths, counts and offsets are made of when they lie. */
const LIES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Seeded uniform integers below `n` (mulberry32). */
export function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * n);
  };
}

/** A damaged copy: bytes changed, runs overwritten, cut, doubled or taken out, most of it where structure is dense. */
export function damaged(file: Uint8Array, below: (n: number) => number): Uint8Array {
  let bytes = Uint8Array.from(file);
  // Headers stand at the beginning, directories at the end.
  const place = () => {
    const near = Math.min(bytes.length, 4096);
    const where = below(4);
    return where === 0 ? below(bytes.length) : where === 1 ? bytes.length - 1 - below(near) : below(near);
  };
  for (let times = 1 + below(4); times > 0 && bytes.length > 0; times--) {
    const at = place();
    const length = 1 + below(8);
    switch (below(7)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        bytes.fill(LIES[below(LIES.length)]!, at, at + length);
        break;
      case 3:
        bytes[at] = (bytes[at]! + 1 + 254 * below(2)) & 255;
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      case 5:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
        break;
      case 6:
        bytes = Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
        break;
    }
  }
  return bytes;
}

/**
 * Runs the suite.
 *
 * @param files whole files of the format, small: what is damaged
 * @param sealed makes a file of damaged bytes, where checksums over them would else be all that is ever tried
 */
export function mutationContract(
  format: SourceFormat,
  files: () => Promise<readonly Uint8Array[]>,
  rounds = ROUNDS,
  sealed = (bytes: Uint8Array): Uint8Array => bytes,
): void {
  describe(`damaged files: ${format.name}`, () => {
    it(`${rounds} of them are read or refused with words, in little time and memory`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "damaged-"));
      const path = join(folder, `model${format.extensions[0]}`);
      const whole = await files();
      const below = dice(20_261_124);
      const before = resourceUsage().maxRSS;
      const outcomes = { read: 0, refused: 0 };
      let longest = 0;
      try {
        for (let round = 0; round < rounds; round++) {
          await writeFile(path, sealed(damaged(whole[round % whole.length]!, below)));
          const start = cpuUsage();
          outcomes[await attempt(format, path, round)]++;
          const { user, system } = cpuUsage(start);
          longest = Math.max(longest, (user + system) / 1e6);
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
      // Both must happen, or nothing was tried.
      expect(outcomes.read).toBeGreaterThan(0);
      expect(outcomes.refused).toBeGreaterThan(rounds / 20);
      // Seconds of processor time, so that whatever else this machine does has no say.
      expect(longest).toBeLessThan(1);
      expect((resourceUsage().maxRSS - before) / 1024).toBeLessThan(256);
    }, 300_000);
  });
}

async function attempt(format: SourceFormat, path: string, round: number): Promise<"read" | "refused"> {
  try {
    const model = await format.open(path, "damaged");
    try {
      for (const { name } of model.tensors.slice(0, MOST_READ)) await model.read(name);
      return "read";
    } finally {
      await model.close();
    }
  } catch (failure) {
    const said = failure instanceof TypeError || failure instanceof RangeError ||
      failure instanceof SyntaxError;
    const message = failure instanceof Error ? failure.message : String(failure);
    if (!said || !message.includes(path) || /\n/.test(message)) {
      throw new Error(`round ${round}: found ${String(failure)}, required a reader's own words`, {
        cause: failure,
      });
    }
    return "refused";
  }
}
