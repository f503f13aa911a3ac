/** Groups: which names lead to which objects. */

import { show } from "../../../src/model/errors.ts";
import { type Cursor, type Hdf5Bytes, LONGEST_NAME } from "./bytes.ts";
import { MESSAGE, type Message } from "./header.ts";
import { denseLinks } from "./dense.ts";

/** A name in a group. */
export interface Link {
  readonly name: string;
  /** Address of the object's header; null for a link by path, or into another file, which is not followed. */
  readonly at: number | null;
}

/** B-trees of a hundred million names are this deep. */
const DEEPEST_TREE = 32;

/**
 * The links of a group; null where the header is none of a group.
 *
 * @param visited addresses of tree nodes that were read: one that is met again closes a circle
 * @throws {SyntaxError} when the group is damaged
 */
export async function readLinks(
  file: Hdf5Bytes,
  header: readonly Message[],
  visited: Set<number>,
  signal?: AbortSignal,
): Promise<Link[] | null> {
  const links: Link[] = [];
  let group = false;
  for (const { type, data } of header) {
    if (type === MESSAGE.symbolTable) {
      const tree = data.defined("a group's tree");
      const heap = await readNames(file, data.defined("a group's names"), signal);
      await symbols(file, tree, heap, links, visited, signal);
    } else if (type === MESSAGE.link) links.push(parseLink(data));
    else if (type === MESSAGE.linkInfo) {
      for (const each of await denseLinks(file, data, visited, signal)) links.push(parseLink(each));
    } else continue;
    group = true;
  }
  return group ? links : null;
}

/** The local heap that holds the names of a group. */
async function readNames(file: Hdf5Bytes, at: number, signal?: AbortSignal): Promise<Cursor> {
  const head = await file.read(at, 8 + 2 * file.lengthSize + file.offsetSize, signal);
  head.expect("HEAP").version("a local heap", 0);
  const size = head.skip(3).length();
  head.length();
  return await file.read(head.defined("the names"), size, signal);
}

async function symbols(
  file: Hdf5Bytes,
  root: number,
  names: Cursor,
  links: Link[],
  visited: Set<number>,
  signal?: AbortSignal,
): Promise<void> {
  const open = [{ at: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at, depth } = next;
    if (visited.has(at) || depth > DEEPEST_TREE) {
      throw file.damaged(at, "a group's tree that leads back to itself", "a tree");
    }
    visited.add(at);
    const head = await file.read(at, 8, signal);
    if (head.bytes[0] === 0x53) {
      await symbolNode(file, at, names, links, signal);
      continue;
    }
    head.expect("TREE").version("a group's tree", 0);
    head.skip(1);
    const count = head.u16();
    const node = await file.read(
      at,
      8 + 2 * file.offsetSize + count * (file.offsetSize + file.lengthSize),
      signal,
    );
    node.skip(8 + 2 * file.offsetSize);
    const children: { at: number; depth: number }[] = [];
    for (let i = 0; i < count; i++) {
      node.length();
      children.push({ at: node.defined("a node"), depth: depth + 1 });
    }
    open.push(...children.reverse());
  }
}

async function symbolNode(
  file: Hdf5Bytes,
  at: number,
  names: Cursor,
  links: Link[],
  signal?: AbortSignal,
): Promise<void> {
  const head = await file.read(at, 8, signal);
  head.expect("SNOD").version("a node of names", 1);
  const count = head.skip(1).u16();
  const node = await file.read(at, 8 + count * (2 * file.offsetSize + 24), signal);
  node.skip(8);
  for (let i = 0; i < count; i++) {
    const nameAt = node.uint(file.offsetSize);
    const header = node.address();
    const soft = node.u32() === 2;
    node.skip(20);
    if (nameAt >= names.bytes.length) {
      throw node.damaged(`a name at ${nameAt} of its heap`, `within ${names.bytes.length} bytes`);
    }
    const name = checked(node, names.text(names.bytes.subarray(nameAt, nameAt + LONGEST_NAME + 1)));
    links.push({ name, at: soft ? null : header });
  }
}

function checked(place: Cursor, name: string): string {
  if (name.length <= LONGEST_NAME && name.length > 0) return name;
  throw place.damaged(`a name ${show(name)}`, `1 to ${LONGEST_NAME} characters`);
}

/** A link message. */
function parseLink(message: Cursor): Link {
  message.version("a link", 1);
  const flags = message.u8();
  const type = flags & 8 ? message.u8() : 0;
  message.skip((flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0));
  const name = checked(message, message.text(message.take(message.uint(1 << (flags & 3)))));
  return { name, at: type === 0 ? message.address() : null };
}
