/** What the elements of a data set or an attribute are, and how many there are of them. */

import type { Cursor } from "./bytes.ts";

/** HDF5 itself knows no more axes. */
const MOST_AXES = 32;

/** The type of an element. */
export interface ElementType {
  /** `F32`, `I64` and so on; a description where it is no number. */
  readonly name: string;
  readonly kind: "float" | "integer" | "text" | "variable text" | "opaque" | "other";
  /** In bytes. */
  readonly size: number;
  readonly bigEndian: boolean;
}

/**
 * Extents of a dataspace message, outermost first; empty for a scalar, null for one without any element.
 *
 * @throws {SyntaxError} when it is damaged
 */
export function parseDataspace(message: Cursor): readonly number[] | null {
  const version = message.version("a dataspace", 1, 2);
  const rank = message.u8();
  if (rank > MOST_AXES) throw message.damaged(`${rank} axes`, `at most ${MOST_AXES}`);
  message.skip(1);
  if (version === 1) message.skip(5);
  else if (message.u8() === 2) return null;
  return Array.from({ length: rank }, () => message.length());
}

/** IEEE 754 and bfloat16, by the bits of exponent and fraction. */
const FLOATS: ReadonlyMap<string, string> = new Map([
  ["2/5/10", "F16"],
  ["2/8/7", "BF16"],
  ["4/8/23", "F32"],
  ["8/11/52", "F64"],
]);

/** A datatype message. @throws {SyntaxError} when it is damaged */
export function parseDatatype(message: Cursor): ElementType {
  const [kind, bits] = [message.u8() & 15, message.u8()];
  const size = message.skip(2).u32();
  const bigEndian = (bits & 1) === 1;
  const type = (name: string, of: ElementType["kind"]): ElementType => ({ name, kind: of, size, bigEndian });
  switch (kind) {
    case 0:
      return type(`${bits & 8 ? "I" : "U"}${8 * size}`, "integer");
    case 1: {
      const [exponentAt, exponent, fractionAt, fraction] = message.skip(4).take(4);
      const layout = `${size}/${exponent}/${fraction}`;
      const name = fractionAt === 0 && exponentAt === fraction && !(bits & 64)
        ? FLOATS.get(layout)
        : undefined;
      return name === undefined ? type(`a float of ${size} bytes`, "other") : type(name, "float");
    }
    case 3:
      return type("text", "text");
    case 5:
      return type("opaque bytes", "opaque");
    case 6: {
      // h5py's complex numbers: a compound of r and i.
      const complex = message.left >= 2 && String.fromCharCode(...message.take(2)) === "r\u0000";
      return type(complex ? `C${8 * size}` : "a compound", "other");
    }
    case 8:
      return type("an enumeration", "other");
    case 9:
      return (bits & 15) === 1 ? type("text", "variable text") : type("a list", "other");
    default:
      return type(
        ["", "", "a time", "", "bits", "", "", "a reference", "", "", "an array"][kind] ?? "",
        "other",
      );
  }
}
