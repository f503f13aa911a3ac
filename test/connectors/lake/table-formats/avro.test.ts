import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { avroFile, avroRecords, type AvroType } from "../../../../connectors/lake/table-formats/avro.ts";

const SCHEMA: AvroType = {
  type: "record",
  name: "r",
  fields: [
    { name: "flag", type: "boolean" },
    { name: "small", type: "int" },
    { name: "large", type: ["null", "long"], default: null },
    { name: "text", type: "string" },
    { name: "bytes", type: ["null", "bytes"] },
    { name: "list", type: { type: "array", items: "long" } },
    { name: "map", type: { type: "map", values: "string" } },
  ],
};

const RECORDS = [0n, -1n, 63n, -64n, 64n, 2n ** 31n, 2n ** 63n - 1n, -(2n ** 63n), null].map((large, at) => ({
  flag: at % 2 === 0,
  small: at - 3,
  large,
  text: "ü".repeat(at),
  bytes: at === 2 ? null : Uint8Array.of(at, 255),
  list: Array.from({ length: at }, (_, value) => BigInt(value * 1000)),
  map: at === 0 ? {} : { a: "b", c: "" },
}));

describe("Avro files", () => {
  it("give back what was written", () => {
    expect(avroRecords(avroFile(SCHEMA, { key: "value" }, RECORDS), "it")).toEqual(RECORDS);
    expect(avroRecords(avroFile(SCHEMA, {}, []), "it")).toEqual([]);
  });

  it("have the bytes of the specification", () => {
    // 64 is zigzag 128: 0x80 0x01. The string "foo" is 06 66 6f 6f.
    const file = Buffer.from(
      avroFile(
        { type: "record", name: "t", fields: [{ name: "a", type: "long" }, { name: "b", type: "string" }] },
        {},
        [
          { a: 64n, b: "foo" },
        ],
      ),
    );
    // One record of 6 bytes, between the sync marks of 16.
    expect(file.subarray(-16 - 8, -16).toString("hex")).toBe("020c800106666f6f");
    expect(file.subarray(0, 4).toString("latin1")).toBe("Obj\x01");
    expect(file.subarray(-16)).toEqual(file.subarray(-16 - 8 - 16, -16 - 8));
  });

  it("are read where others have deflated them", () => {
    const schema: AvroType = { type: "record", name: "t", fields: [{ name: "a", type: "string" }] };
    const plain = Buffer.from(avroFile(schema, {}, [{ a: "x".repeat(40) }]));
    const block = deflateRawSync(plain.subarray(-16 - 41, -16));
    // A header by hand: the codec has another length.
    const head = Buffer.from(
      plain.subarray(0, -16 - 41 - 2).toString("latin1").replace("\x08null", "\x0edeflate"),
      "latin1",
    );
    const sync = plain.subarray(-16);
    const file = Buffer.concat([head, Buffer.of(2, block.length * 2), block, sync]);
    expect(avroRecords(file, "it")).toEqual([{ a: "x".repeat(40) }]);
  });

  it.each<[string, AvroType]>([
    ["records", { type: "record", name: "t", fields: [] }],
    ["items", { type: "record", name: "t", fields: [{ name: "a", type: { type: "array", items: "null" } }] }],
  ])("are refused where they count more %s than they have bytes", (what, schema) => {
    // 2 ** 27 and nothing else, as a count of records or of items in one record.
    const count = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x01]);
    const block = what === "records" ? Buffer.of() : Buffer.concat([count, Buffer.of(0)]);
    const head = avroFile(schema, {}, []);
    const before = what === "records" ? count : Buffer.of(2);
    const file = Buffer.concat([head, before, Buffer.of(block.length * 2), block, head.subarray(-16)]);
    expect(() => avroRecords(file, "m.avro")).toThrow(/^m\.avro: .*found a count of 134217728/);
  });

  it("are refused where they are damaged, with the file's name", () => {
    const file = avroFile(SCHEMA, {}, RECORDS);
    for (const length of [0, 3, 20, 300, file.length - 40, file.length - 1]) {
      expect(() => avroRecords(file.subarray(0, length), "m.avro"), String(length)).toThrow(/^m\.avro: /);
    }
    expect(() => avroRecords(Buffer.from("no such file at all"), "m.avro")).toThrow(SyntaxError);
  });
});
