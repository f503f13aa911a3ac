/** Object headers: the messages that say what a group or a data set is. */

import type { Cursor, Hdf5Bytes } from "./bytes.ts";

/** Kinds of messages that are read; others say nothing of tensors. */
export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

/** One message. */
export interface Message {
  readonly type: number;
  /** The data lies elsewhere and several objects share it. */
  readonly shared: boolean;
  readonly data: Cursor;
}

/** A header has a block, and another when attributes were added; a hundred times that is a circle. */
const MOST_BLOCKS = 1000;

/** Attributes of 64 KiB each, some dozens of them. */
const LONGEST_BLOCK = 16 * 2 ** 20;

interface Block {
  readonly at: number;
  readonly length: number;
}

/**
 * All messages of the object at an address.
 *
 * @throws {SyntaxError} when there is no header, or it is damaged
 */
export async function readHeader(file: Hdf5Bytes, at: number, signal?: AbortSignal): Promise<Message[]> {
  const [first] = (await file.read(at, 1, signal)).bytes;
  return first === 1 ? await versionOne(file, at, signal) : await versionTwo(file, at, signal);
}

async function versionOne(file: Hdf5Bytes, at: number, signal?: AbortSignal): Promise<Message[]> {
  const prefix = await file.read(at, 16, signal);
  prefix.version("an object header", 1);
  const length = prefix.skip(7).u32();
  return await readBlocks(file, { at: at + 16, length }, signal, (block, messages, more) => {
    while (block.left >= 8) {
      const type = block.u16();
      const size = block.u16();
      const flags = block.u8();
      keep(messages, more, type, flags, block.skip(3).part(size));
    }
  });
}

async function versionTwo(file: Hdf5Bytes, at: number, signal?: AbortSignal): Promise<Message[]> {
  // Signature, version, flags, four times, two limits, a size of up to eight bytes.
  const prefix = await file.read(at, Math.min(34, file.source.size - file.base - at), signal);
  prefix.expect("OHDR").version("an object header", 2);
  const flags = prefix.u8();
  prefix.skip((flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0));
  const length = prefix.uint(1 << (flags & 3));
  const first = { at: at + prefix.at, length };
  return await readBlocks(file, first, signal, (block, messages, more, index) => {
    // A block that continues begins with a signature and ends with a checksum.
    const end = index === 0 ? 0 : 4;
    if (index > 0) block.expect("OCHK");
    while (block.left - end >= (flags & 4 ? 6 : 4)) {
      const type = block.u8();
      const size = block.u16();
      const messageFlags = block.u8();
      if (flags & 4) block.skip(2);
      keep(messages, more, type, messageFlags, block.part(size));
    }
  });
}

async function readBlocks(
  file: Hdf5Bytes,
  first: Block,
  signal: AbortSignal | undefined,
  parse: (block: Cursor, messages: Message[], more: Block[], index: number) => void,
): Promise<Message[]> {
  const messages: Message[] = [];
  const blocks: Block[] = [first];
  for (let next = 0; next < blocks.length; next++) {
    const { at, length } = blocks[next]!;
    if (length > LONGEST_BLOCK || blocks.length > MOST_BLOCKS) {
      throw file.damaged(
        at,
        `an object header of ${length} bytes in its block ${next}`,
        `at most ${LONGEST_BLOCK}, in ${MOST_BLOCKS} blocks`,
      );
    }
    parse(await file.read(at, length, signal), messages, blocks, next);
  }
  return messages;
}

function keep(messages: Message[], more: Block[], type: number, flags: number, data: Cursor): void {
  if (type === MESSAGE.continuation) {
    more.push({ at: data.defined("the continuation"), length: data.length() });
  } else messages.push({ type, shared: (flags & 2) !== 0, data });
}
