/** The instructions of a pickle that stand for one plain value. */

import { show } from "../../../src/model/errors.ts";
import type { PickleCursor } from "./pickle-cursor.ts";
import type { PickleValue } from "./pickle-values.ts";

/** Escapes in the text that protocol 0 writes. */
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs;

/**
 * The value that an instruction stands for.
 *
 * @param code the instruction; the cursor stands behind it
 * @returns undefined where the instruction stands for no plain value
 */
export function plainValue(code: number, cursor: PickleCursor): PickleValue | undefined {
  switch (code) {
    case 0x4e: // NONE
      return null;
    case 0x88: // NEWTRUE
      return true;
    case 0x89: // NEWFALSE
      return false;
    case 0x4a: // BININT
      return cursor.int32();
    case 0x4b: // BININT1
      return cursor.unsigned(1);
    case 0x4d: // BININT2
      return cursor.unsigned(2);
    case 0x8a: // LONG1
      return cursor.long(cursor.unsigned(1));
    case 0x8b: // LONG4
      return cursor.long(cursor.unsigned(4));
    case 0x47: // BINFLOAT
      return cursor.float64();
    case 0x46: // FLOAT
      return Number(cursor.line());
    case 0x49: { // INT, which is also how protocol 0 says true and false
      const start = cursor.at;
      const text = cursor.line();
      if (text === "00" || text === "01") return text === "01";
      cursor.at = start;
      return cursor.decimal();
    }
    case 0x4c: // LONG
      return cursor.decimal();
    case 0x8c: // SHORT_BINUNICODE
      return cursor.utf8(cursor.unsigned(1));
    case 0x58: // BINUNICODE
      return cursor.utf8(cursor.unsigned(4));
    case 0x8d: // BINUNICODE8
      return cursor.utf8(cursor.unsigned(8));
    case 0x55: // SHORT_BINSTRING
      return cursor.utf8(cursor.unsigned(1));
    case 0x54: // BINSTRING
      return cursor.utf8(cursor.unsigned(4));
    case 0x56: // UNICODE
      return unescaped(cursor.line("latin1"));
    case 0x53: { // STRING
      const text = cursor.line();
      if (!/^(['"]).*\1$/s.test(text)) throw cursor.refused(show(text), "text in quotes");
      return unescaped(text.slice(1, -1));
    }
    case 0x43: // SHORT_BINBYTES
      return cursor.bytes(cursor.unsigned(1));
    case 0x42: // BINBYTES
      return cursor.bytes(cursor.unsigned(4));
    case 0x8e: // BINBYTES8
    case 0x96: // BYTEARRAY8
      return cursor.bytes(cursor.unsigned(8));
    default:
      return undefined;
  }
}

function unescaped(text: string): string {
  const letters = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"]]);
  return text.replace(ESCAPE, (all, byte?: string, short?: string, long?: string, other?: string) => {
    const hex = byte ?? short ?? long;
    if (hex === undefined) return letters.get(other ?? "") ?? other ?? all;
    const code = Number.parseInt(hex, 16);
    return code > 0x10ffff ? all : String.fromCodePoint(code);
  });
}
