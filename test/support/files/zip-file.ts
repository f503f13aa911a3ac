/** Writes zip archives, honest ones and others. Shares no code with the reader. */

import { deflateRawSync } from "node:zlib";

/** A file to be archived. Fields beside the first three override what would be true. */
export interface ZipMember {
  readonly name: string | Uint8Array;
  readonly data: Uint8Array | string;
  readonly deflate?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly compressedSize?: number;
  /** Where the directory says that the local header stands. */
  readonly at?: number;
  /** Sizes and offset in a zip64 field. */
  readonly zip64?: boolean;
}

/** CRC-32 by its definition, bit by bit. */
export function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Little-endian fields: `[value, bytes]`. What 32 bits do not hold is all ones, as zip64 has it. */
export function fields(...values: readonly (readonly [value: number, bytes: 2 | 4 | 8])[]): Buffer {
  return Buffer.concat(values.map(([value, bytes]) => {
    const out = Buffer.alloc(bytes);
    if (bytes === 2) out.writeUInt16LE(value);
    else if (bytes === 4) out.writeUInt32LE(Math.min(value, 0xffffffff));
    else out.writeBigUInt64LE(BigInt(value));
    return out;
  }));
}

/** An archive of these files; `count` overrides how many the end says there are. */
export function zipOf(members: readonly ZipMember[], count = members.length, zip64End = false): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const data = Buffer.from(member.data as string);
    const stored = member.deflate === true ? deflateRawSync(data) : data;
    const name = Buffer.from(member.name as string);
    const method = member.method ?? (member.deflate === true ? 8 : 0);
    const crc = member.crc ?? crcOf(data);
    const size = member.size ?? data.length, packed = member.compressedSize ?? stored.length;
    const header = fields([method, 2], [0, 2], [0, 2], [crc, 4], [packed, 4], [size, 4], [name.length, 2]);
    const flags = member.flags ?? 0x800;
    const local = Buffer.concat([fields([0x04034b50, 4], [20, 2], [flags, 2]), header, fields([0, 2]), name]);
    const place = member.at ?? at;
    const extra = member.zip64 === true
      ? fields([1, 2], [24, 2], [size, 8], [packed, 8], [place, 8])
      : Buffer.alloc(0);
    const all = 0xffffffff;
    directory.push(
      Buffer.concat([
        fields([0x02014b50, 4], [20, 2], [20, 2], [flags, 2], [method, 2], [0, 2], [0, 2], [crc, 4]),
        member.zip64 === true ? fields([all, 4], [all, 4]) : fields([packed, 4], [size, 4]),
        fields([name.length, 2], [extra.length, 2], [0, 2], [0, 2], [0, 2], [0, 4]),
        fields([member.zip64 === true ? all : place, 4]),
        name,
        extra,
      ]),
    );
    parts.push(local, stored);
    at += local.length + stored.length;
  }
  const central = Buffer.concat(directory);
  const end64 = zip64End
    ? Buffer.concat([
      fields([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [count, 8], [count, 8]),
      fields([central.length, 8], [at, 8]),
      fields([0x07064b50, 4], [0, 4], [at + central.length, 8], [1, 4]),
    ])
    : Buffer.alloc(0);
  const end = fields(
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [zip64End ? 0xffff : count, 2],
    [zip64End ? 0xffff : count, 2],
    [central.length, 4],
    [zip64End ? 0xffffffff : at, 4],
    [0, 2],
  );
  return Buffer.concat([...parts, central, end64, end]);
}
