import { mkdir, mkdtemp, open as openHandle, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onnx } from "../../../connectors/sources/onnx/onnx.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { damaged, mutationContract } from "./mutations.ts";
import {
  type Bytes,
  field,
  file,
  indices,
  integer,
  integers,
  joined,
  node,
  raw,
  tensor,
  TYPE,
  value,
  varint,
  weight,
} from "../../support/files/onnx-file.ts";
import { expectRefusal } from "./refusals.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-onnx-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(bytes: Bytes): Promise<string> {
  const path = join(folder, `${count++}.onnx`);
  await writeFile(path, bytes);
  return path;
}

async function openAndClose(path: string): Promise<void> {
  await (await onnx.open(path, "id")).close();
}

/** Whole files to be damaged: some of PyTorch's, and one with a shuffle and a branch. */
async function whole(): Promise<readonly Uint8Array[]> {
  const made = ["nbits", "qlinear", "integer", "dynamic-lstm", "functions", "loop", "scan"];
  const files = ["attention", "convnet", "lstm", ...made].map((name) =>
    readFile(new URL(`../../golden/files/onnx/${name}.onnx`, import.meta.url))
  );
  const branch = joined(node("MatMul", ["u", "b.weight"], ["o"]), value(12, "o", [1]));
  return [
    ...await Promise.all(files),
    file(
      value(11, "x", ["n", 4, 6, 6]),
      weight("a.weight", [8, 4, 3, 3]),
      weight("b.weight", [8, 2]),
      indices("shape", [0, 2, 4, 6, 6]),
      indices("back", [0, 8, -1]),
      node("Conv", ["x", "a.weight"], ["a"], { pads: [1, 1, 1, 1], group: 1 }),
      node("Reshape", ["a", "shape"], ["s"]),
      node("Transpose", ["s"], ["t"], { perm: [0, 2, 1, 3, 4] }),
      node("Reshape", ["t", "back"], ["r"]),
      node("Transpose", ["r"], ["u"], { perm: [0, 2, 1] }),
      node("If", ["x"], ["y"], { then_branch: { graph: branch } }),
    ),
  ];
}

const entry = (key: string, text: string) => field(13, joined(field(1, key), field(2, text)));
const external = (location: string, ...more: readonly Bytes[]) =>
  file(field(5, tensor("w", TYPE.F32, [2, 2], joined(entry("location", location), ...more, integer(14, 1)))));
const stored = (shape: readonly (number | bigint)[], data: Bytes, type: number = TYPE.F32) =>
  file(field(5, joined(integers(1, shape), integer(2, type), field(8, "w"), data)));

/** `If` within `If`, so deep. */
function nested(depth: number): Bytes {
  let graph = node("Identity", ["x"], ["y"]);
  for (let i = 0; i < depth; i++) graph = node("If", ["x"], ["y"], { then_branch: { graph } });
  return joined(value(11, "x", [1, 2]), graph);
}

/** A function `f` that calls itself, or another one twice, and so on. */
const calling = (...functions: readonly (readonly [name: string, calls: readonly string[]])[]) =>
  joined(
    file(value(11, "x", [1, 2]), node("f0", ["x"], ["y"])),
    ...functions.map(([name, calls]) =>
      field(
        25,
        joined(
          field(1, name),
          field(4, "v"),
          field(5, "w"),
          ...calls.map((each, at) => field(7, nodeOf(each, at === 0 ? "w" : `w${at}`))),
        ),
      )
    ),
  );
const nodeOf = (op: string, output: string) => joined(field(1, "v"), field(2, output), field(4, op));

/** A function `f` of one node, called so many times. */
const repeated = (calls: number, content: Bytes) =>
  joined(
    file(
      value(11, "x", [1, 2]),
      ...Array.from({ length: calls }, (_, at) => node("f", ["x"], [`y${at}`])),
    ),
    field(25, joined(field(1, "f"), field(4, "w"), field(5, "v"), inFunction(content))),
  );
/** The same node, in field 7 of a function in place of field 1 of a graph. */
const inFunction = (content: Bytes) => Buffer.concat([varint(7 * 8 + 2), content.subarray(1)]);
const manyAttributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, 1]));
const manyValues = (count: number) =>
  joined(...Array.from({ length: count }, (_, at) => value(12, `o${at}`, [])));

const DAMAGED: readonly (readonly [what: string, bytes: Bytes, says: RegExp])[] = [
  ["an empty file", new Uint8Array(0), /found no graph/],
  ["text", Buffer.from("not a model\n"), /required/],
  ["a zip", Buffer.from("PK\u0003\u0004\u0000\u0000"), /required/],
  [
    "a length beyond the file",
    joined(varint(7 * 8 + 2), varint(2n ** 40n)),
    /field 7 of 1099511627776 bytes, required at most/,
  ],
  ["a negative length", joined(varint(7 * 8 + 2), varint(-1)), /length -1, required 0 or more/],
  ["a varint without an end", Uint8Array.from({ length: 30 }, () => 0xff), /required/],
  ["two graphs", joined(field(7, ""), field(7, "")), /a second graph/],
  ["graphs 50 deep", file(nested(50)), /graphs 17 deep, required at most 16/],
  [
    "a function that calls itself",
    calling(["f0", ["f0"]]),
    /f0 "w": found functions 17 deep, required at most 16/,
  ],
  [
    "functions that stand for 8^15 nodes",
    calling(...Array.from({ length: 15 }, (_, at) => [`f${at}`, Array(8).fill(`f${at + 1}`)] as const)),
    /found functions that stand for more nodes than that, required at most 262144/,
  ],
  [
    "functions that copy ten thousand attributes again and again",
    repeated(200, node("Relu", ["w"], ["v"], manyAttributes(10_000))),
    /found functions that stand for more nodes than that/,
  ],
  [
    "functions that copy a body of ten thousand values again and again",
    repeated(200, node("If", ["w"], ["v"], { then_branch: { graph: manyValues(10_000) } })),
    /found functions that stand for more nodes than that/,
  ],
  ["10^12 elements", stored([1e6, 1e6], raw([1, 2])), /8 bytes, required 4000000000000/],
  ["an extent of 2^62", stored([2n ** 62n], raw([1])), /dims at byte \d+: found \[4611686018427388000\]/],
  ["a negative extent", stored([-2, -2], raw([1, 2, 3, 4])), /found \[-2,-2\]/],
  ["a hundred axes", stored(Array.from({ length: 100 }, () => 1), raw([1])), /at most 64/],
  ["too few numbers", stored([2, 2], raw([1, 2, 3])), /12 bytes, required 16 for shape \[2,2\] of F32/],
  ["no numbers", stored([2, 2], new Uint8Array(0)), /no data, required 4 numbers/],
  ["numbers in another type's field", stored([2], integers(5, [1, 2])), /data in field 5, required field 4/],
  [
    "10^9 varints in ten bytes",
    stored([1e9], integers(5, [1, 2, 3]), TYPE.I32),
    /3 bytes, required 500000000 or more/,
  ],
  [
    "a name that is not UTF-8",
    file(field(5, joined(integers(1, [0]), integer(2, 1), field(8, Uint8Array.of(0xff, 0xfe))))),
    /not UTF-8/,
  ],
  ["the same name twice", file(weight("w", [2]), weight("w", [2])), /"w": found it twice/],
  ["a sparse initializer", file(field(15, "")), /sparse initializer/],
  [
    "a cycle",
    file(value(11, "x", [1, 2]), node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])),
    /found input "b", which no node before it makes/,
  ],
  ["a node that reads itself", file(node("Relu", ["a"], ["a"])), /found input "a"/],
  [
    "external data above the folder",
    external("../../../../etc/passwd"),
    /location: found "\.\.\/\.\.\/.*own folder/,
  ],
  ["external data at an absolute path", external("/etc/passwd"), /location: found "\/etc\/passwd"/],
  ["external data with backslashes", external("..\\secret"), /location: found/],
  ["external data at no place", external(""), /location: found ""/],
  ["external data through a link out of the folder", external("link"), /a link out of the folder/],
  ["external data in the folder itself", external("."), /required a file in the model's own folder/],
  ["external data that is not there", external("none.bin"), /no file "none\.bin"/],
  [
    "external data beyond its file",
    external("short.bin", entry("offset", "12")),
    /12 and 16 bytes, required within the 20 bytes/,
  ],
  ["an offset that is no number", external("short.bin", entry("offset", "1e9")), /offset: found "1e9"/],
  ["a negative offset", external("short.bin", entry("offset", "-4")), /offset: found "-4"/],
  [
    "a length that is not the tensor's",
    external("short.bin", entry("length", "20")),
    /length: found 20, required 16/,
  ],
];

describe("hostile ONNX files", () => {
  beforeAll(async () => {
    await symlink("/etc/passwd", join(folder, "link"));
    await writeFile(join(folder, "short.bin"), new Uint8Array(20));
  });

  it.each(DAMAGED)(
    "%s: refused with file, place, found and required, on one line",
    async (_, bytes, says) => {
      const path = await written(bytes);
      await expectRefusal(onnx, path, says);
    },
  );

  it("follows a link out of the folder to where the model itself lies: a hub's cache", async () => {
    await mkdir(join(folder, "blobs"));
    await mkdir(join(folder, "snapshot"));
    await writeFile(join(folder, "blobs/7a06"), new Uint8Array(16));
    await writeFile(join(folder, "blobs/e04b"), external("net.onnx_data"));
    await writeFile(join(folder, "beside"), new Uint8Array(16));
    const [model, data] = ["snapshot/net.onnx", "snapshot/net.onnx_data"].map((name) => join(folder, name));
    await symlink("../blobs/e04b", model!);
    await symlink("../blobs/7a06", data!);
    await openAndClose(model!);
    await rm(data!);
    await symlink("../beside", data!);
    await expect(openAndClose(model!)).rejects.toThrow(/a link out of the folder/);
  });

  it("takes names that objects have by nature", async () => {
    const path = await written(file(
      value(11, "constructor", [1, 3]),
      weight("__proto__", [3, 2]),
      node("MatMul", ["constructor", "__proto__"], ["toString"], { hasOwnProperty: 1 }),
    ));
    const model = await onnx.open(path, "id");
    expect(layerGraph(model).layers.map(({ name }) => name)).toEqual(["__proto__"]);
    await model.close();
  });

  it("calls a function 40 000 times under one name, in a time that grows with the calls", async () => {
    const path = await written(joined(
      file(
        value(11, "x", [1, 2]),
        ...Array.from(
          { length: 40_000 },
          (_, at) => field(1, joined(field(1, "x"), field(2, `y${at}`), field(3, "same"), field(4, "f"))),
        ),
      ),
      field(
        25,
        joined(
          field(1, "f"),
          field(4, "w"),
          field(5, "v"),
          inFunction(node("Relu", ["w"], ["t"])),
          inFunction(node("Relu", ["t"], ["v"])),
        ),
      ),
    ));
    await openAndClose(path);
  });

  it("opens a sparse file of 2 GB without reading its weights", async () => {
    const bytes = 2 * 2 ** 30;
    const start = joined(integers(1, [bytes / 4]), integer(2, 1), field(8, "big"));
    const rest = joined(varint(9 * 8 + 2), varint(bytes));
    const message = joined(varint(5 * 8 + 2), varint(start.length + rest.length + bytes), start, rest);
    const after = weight("w", [2, 2], [1, 2, 3, 4]);
    const head = joined(varint(7 * 8 + 2), varint(message.length + bytes + after.length), message);
    const path = await written(head);
    const handle = await openHandle(path, "r+");
    await handle.write(after, 0, after.length, head.length + bytes);
    await handle.close();
    const before = process.memoryUsage().rss;
    const model = await onnx.open(path, "id");
    expect(model.tensors.map(({ shape }) => shape)).toEqual([[bytes / 4], [2, 2]]);
    expect([...await model.read("w")]).toEqual([1, 2, 3, 4]);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    await model.close();
    await rm(path);
  });

  it("gives damaged graphs a topology, or refuses them with words", async () => {
    const below = ((state) => (n: number) => {
      state = Math.imul(state, 1664525) + 1013904223 >>> 0;
      return Math.floor(state / 2 ** 32 * n);
    })(20240229);
    const seeds = await whole();
    const path = join(folder, "damaged.onnx");
    const outcomes = { traced: 0, refused: 0 };
    for (let round = 0; round < 2000; round++) {
      await writeFile(path, damaged(seeds[round % seeds.length]!, below));
      try {
        const model = await onnx.open(path, "id");
        await model.close();
        layerGraph(model);
        outcomes.traced++;
      } catch (failure) {
        outcomes.refused++;
        expect([SyntaxError, RangeError, TypeError]).toContain((failure as Error).constructor);
        expect((failure as Error).message, (failure as Error).stack).toMatch(/required/);
      }
    }
    expect(Math.min(outcomes.traced, outcomes.refused)).toBeGreaterThan(100);
  });
});

mutationContract(onnx, whole);
