import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pytorch } from "../../../connectors/sources/pytorch/pytorch.ts";
import {
  doubled,
  pickle,
  type Piece,
  stateDict,
  torchLegacy,
  torchZip,
  zipOfPickle,
} from "../../support/files/torch-file.ts";
import { fields, zipOf } from "../../support/files/zip-file.ts";
import { expectRefusal } from "./refusals.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-torch-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { text, int, global, tuple, call, dict, storage, tensor, whole } = pickle;
const raw = (...parts: readonly (string | Uint8Array)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${count++}.pt`);
  await writeFile(path, bytes);
  return path;
}

async function opened(bytes: Uint8Array) {
  const model = await pytorch.open(await file(bytes), "id");
  await model.close();
  return model;
}

const FLOATS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const W = tensor(storage("FloatStorage", "0", 4), 0, [2, 2], [2, 1]);
const zip = (value: Piece) => torchZip(value, [FLOATS]);
const withW = (...entries: readonly (readonly [Piece, Piece])[]) => zip(dict([[text("w"), W], ...entries]));

describe("pickles that want to do something", () => {
  const marker = () => join(folder, "executed");
  it.each<[string, () => Piece]>([
    ["os.system by REDUCE", () => call(global("os", "system"), text(`touch ${marker()}`))],
    [
      "posix.system by the stack",
      () => raw(text("posix"), text("system"), [0x93] as never, tuple(text(`touch ${marker()}`)), "R"),
    ],
    [
      "builtins.exec by NEWOBJ",
      () => raw(global("builtins", "exec"), tuple(text(`open('${marker()}','w')`)), Buffer.from([0x81])),
    ],
    ["subprocess by INST", () => raw("(", text(`touch ${marker()}`), "isubprocess\ngetoutput\n")],
    ["subprocess by OBJ", () => raw("(", global("subprocess", "getoutput"), text(`touch ${marker()}`), "o")],
    [
      "a state to be set",
      () => raw(call(global("runpy", "_run_code")), dict([[text("__setstate__"), text("x")]]), "b"),
    ],
    [
      "an attribute fetched by name",
      () => call(global("builtins", "getattr"), global("os", "system"), text("__call__")),
    ],
  ])("%s leaves an inert record, and the weights beside it are read", async (_, evil) => {
    const path = await file(withW([text("evil"), evil()]));
    const model = await pytorch.open(path, "id");
    expect(model.tensors.map(({ name }) => name)).toEqual(["w"]);
    expect([...await model.read("w")]).toEqual([1, 2, 3, 4]);
    await model.close();
    expect(existsSync(marker())).toBe(false);
  });

  it("write nothing beside themselves", async () => {
    const before = await readdir(folder);
    await opened(zipOf([
      { name: "archive/data.pkl", data: whole(dict([[text("w"), W]])) },
      { name: "archive/data/0", data: FLOATS },
      { name: "../../escaped.txt", data: "x" },
      { name: "/tmp/absolute.txt", data: "x" },
    ]));
    expect((await readdir(folder)).sort()).toEqual([...before, `${count - 1}.pt`].sort());
  });

  it("cannot reach an object's prototype", async () => {
    const model = await opened(withW(
      [text("__proto__"), dict([[text("polluted"), W]])],
      [
        text("constructor"),
        raw(call(global("x", "Y")), dict([[text("__proto__"), dict([[text("deep"), W]])]]), "b"),
      ],
    ));
    expect(model.tensors.map(({ name }) => name)).toEqual([
      "w",
      "__proto__.polluted",
      "constructor.__proto__.deep",
    ]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

const REFUSED: readonly (readonly [what: string, bytes: () => Uint8Array, says: RegExp])[] = [
  ["nothing", () => Buffer.alloc(0), /required a file that torch\.save wrote/],
  ["text", () => Buffer.from("weights"), /found "weights" at byte 0/],
  [
    "a real tar archive",
    () => raw("model.pt", Buffer.alloc(249), "ustar\x0000", Buffer.alloc(500)),
    /found "model.pt" at byte 0/,
  ],
  [
    "an archive without a model",
    () => zipOf([{ name: "readme.txt", data: "x" }]),
    /found no model of torch's in the zip archive/,
  ],
  ["two models in an archive", () => {
    const model = withW();
    return zipOf([{ name: "a.pth", data: model }, { name: "b.pth", data: model }]);
  }, /found "a\.pth" and "b\.pth" in the zip archive, required one/],
  [
    "marks nested ten thousand deep",
    () => zip(raw("(".repeat(10_000))),
    /found 1000 open marks, required fewer/,
  ],
  ["a hundred thousand million places", () => zip(doubled(40, W)), /found objects in objects without end/],
  ["names without end", () => {
    const long = dict([[text("n".repeat(60_000)), W]]);
    return zip(
      dict(
        Array.from(
          { length: 1200 },
          (_, at) => [text(`${at}`), at === 0 ? raw(long, "q\x07") : raw("h\x07")],
        ),
      ),
    );
  }, /found names of more than 64000000 characters/],
  ["an empty stack", () => zip(raw("0")), /found an empty stack, required a value/],
  ["no value at all", () => zipOfPickle(raw("."), []), /found an empty stack/],
  ["a memo that was never put", () => zip(raw("h\x09")), /found memo 9, never put/],
  ["no end", () => zipOfPickle(raw(Buffer.from([0x80, 2]), "]"), []), /pickle: found its end at byte 3/],
  [
    "protocol 9",
    () => zipOfPickle(raw(Buffer.from([0x80, 9]), "]."), []),
    /found protocol 9, required 0 to 5/,
  ],
  ["an instruction that is none", () => zip(raw(Buffer.from([0xee]))), /found instruction 0xee/],
  ["an extension code", () => zip(raw(Buffer.from([0x82, 1]))), /found instruction 0x82/],
  ["a buffer from elsewhere", () => zip(raw(Buffer.from([0x97]))), /found instruction 0x97/],
  ["a text of 4 GB", () => zip(raw("X", fields([0xfffffff0, 4]))), /required 4294967280 bytes/],
  [
    "a text of 2^60 bytes",
    () => zip(raw(Buffer.from([0x8d, 0, 0, 0, 0, 0, 0, 0, 0x10]))),
    /found length 1152921504606846976/,
  ],
  [
    "an integer of a million bytes",
    () => zip(raw(Buffer.from([0x8b]), fields([1e6, 4]), Buffer.alloc(1e6, 0x7f))),
    /found an integer of 1000000 bytes/,
  ],
  ["a state for a plain value", () => zip(raw("]}b")), /found BUILD of a plain value/],
  ["entries for a number", () => zip(raw("K\x01", text("a"), "K\x02s")), /found entries for a plain value/],
  ["a key without a value", () => zip(raw("}(", text("a"), "u")), /found a key without a value/],
  [
    "a shape that its storage does not hold",
    () => zip(tensor(storage("FloatStorage", "0", 4), 0, [2, 3], [3, 1])),
    /found its end at element 6 of its storage, required within 4/,
  ],
  [
    "an offset beyond its storage",
    () => zip(tensor(storage("FloatStorage", "0", 4), 1, [2, 2], [2, 1])),
    /found its end at element 5/,
  ],
  [
    "a stride beyond its storage",
    () => zip(tensor(storage("FloatStorage", "0", 4), 0, [2, 2], [2 ** 40, 1])),
    /found its end at element/,
  ],
  [
    "10^12 elements",
    () => zip(tensor(storage("FloatStorage", "0", 1e12), 0, [1e6, 1e6], [1e6, 1])),
    /storage "0": found 16 bytes, required 4000000000000/,
  ],
  [
    "10^12 elements that are one",
    () => zip(tensor(storage("FloatStorage", "0", 4), 0, [1e6, 1e6], [0, 0])),
    /found 1000000000000 elements of a storage of 4/,
  ],
  [
    "a product beyond 2^64",
    () => zip(tensor(storage("FloatStorage", "0", 4), 0, [2 ** 40, 2 ** 40], [0, 0])),
    /elements of a storage of 4/,
  ],
  [
    "forty axes",
    () =>
      zip(tensor(
        storage("FloatStorage", "0", 4),
        0,
        Array.from({ length: 40 }, () => 1),
        Array.from({ length: 40 }, () => 1),
      )),
    /at most 16 axes/,
  ],
  [
    "strides of another length",
    () => zip(tensor(storage("FloatStorage", "0", 4), 0, [2, 2], [1])),
    /found shape \[2,2\], strides \[1\]/,
  ],
  [
    "a shape of text",
    () =>
      zip(
        call(
          global("torch._utils", "_rebuild_tensor_v2"),
          storage("FloatStorage", "0", 4),
          int(0),
          tuple(text("2")),
          tuple(int(1)),
        ),
      ),
    /found shape \["2"\]/,
  ],
  [
    "a storage that is missing",
    () => zip(tensor(storage("FloatStorage", "7", 4), 0, [2, 2], [2, 1])),
    /storage "7": found none, required 16 bytes/,
  ],
  [
    "a storage of an unknown class",
    () => zip(tensor(storage("os", "0", 4), 0, [2, 2], [2, 1])),
    /found storage/,
  ],
  [
    "a storage that is a path",
    () => zip(tensor(storage("FloatStorage", "../../../etc/passwd", 4), 0, [2, 2], [2, 1])),
    /storage ".*passwd": found none/,
  ],
  [
    "two tensors of one name",
    () => zip(dict([[text("a"), dict([[text("b"), W], [text("c"), W]])], [text("a.b"), W], [text("d"), W]])),
    /found two tensors "a\.b"/,
  ],
  [
    "a legacy file cut short",
    () =>
      torchLegacy(stateDict([{ name: "w", dtype: "F32", shape: [4], values: [1, 2, 3, 4] }]), [{
        data: FLOATS.subarray(0, 8),
        elements: 4,
      }]),
    /required \d+ for its storages \(cut short\?\)/,
  ],
  [
    "a legacy storage of another size",
    () =>
      torchLegacy(stateDict([{ name: "w", dtype: "F32", shape: [4], values: [1, 2, 3, 4] }]), [{
        data: FLOATS,
        elements: 2 ** 50,
      }]),
    /found 1125899906842624 elements, required 4/,
  ],
  [
    "a legacy storage that nobody declared",
    () => torchLegacy(dict([]), [{ data: FLOATS, elements: 4 }]),
    /required each storage of the pickle once/,
  ],
];

describe("hostile PyTorch files", () => {
  it.each(REFUSED)(
    "%s: refused with file, place, found and required, on one line",
    async (_, bytes, says) => {
      const path = await file(bytes());
      await expectRefusal(pytorch, path, says, 600);
    },
  );

  it("thousands of networks and of averages are compared in a time that grows with their number", async () => {
    const part = (key: string, at: number) => [text(key), dict([[text(`w.${at}`), W]])] as const;
    const model = await opened(zip(dict([
      ...Array.from({ length: 6000 }, (_, at) => part(`net${at}`, at)),
      ...Array.from({ length: 6000 }, (_, at) => part(`ema${at}`, at === 0 ? at : at + 6000)),
    ])));
    expect(model.tensors.flatMap(({ name, unreadable }) => unreadable === undefined ? [] : [name]))
      .toEqual(["ema0.w.0"]);
  });

  it("a tensor that says few elements over and over is read up to a million of them", async () => {
    const path = await file(
      zip(dict([[text("w"), tensor(storage("FloatStorage", "0", 4), 2, [1000, 1000], [0, 0])]])),
    );
    const model = await pytorch.open(path, "id");
    expect(new Set(await model.read("w"))).toEqual(new Set([3]));
    await model.close();
  });

  it("compares a storage's CRC, but for the 0 that torch writes where it fills a record later", async () => {
    const archive = (crc: number) =>
      zipOf([
        { name: "m/data.pkl", data: whole(dict([[text("w"), W]])) },
        { name: "m/data/0", data: FLOATS, crc },
      ]);
    const [zero, wrong] = await Promise.all(
      [0, 7].map(async (crc) => pytorch.open(await file(archive(crc)), "id")),
    );
    expect([...await zero!.read("w")]).toEqual([1, 2, 3, 4]);
    await expect(wrong!.read("w")).rejects.toThrow(/found CRC [0-9a-f]+, required 7/);
    await zero!.close();
    await wrong!.close();
  });

  it("reads storages that are deflated, and those of a machine of the other byte order", async () => {
    const swapped = Buffer.from(FLOATS).swap32();
    const value = whole(dict([[text("w"), W]]));
    const members = (data: Uint8Array) => [
      { name: "m/data.pkl", data: value, deflate: true },
      { name: "m/data/0", data, deflate: true },
    ];
    for (
      const archive of [
        zipOf(members(FLOATS)),
        zipOf([...members(swapped), { name: "m/byteorder", data: "big" }]),
      ]
    ) {
      const model = await pytorch.open(await file(archive), "id");
      expect([...await model.read("w")]).toEqual([1, 2, 3, 4]);
      await model.close();
    }
  });
});
