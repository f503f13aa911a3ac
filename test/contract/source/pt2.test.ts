import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pt2 } from "../../../connectors/sources/export/pt2.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { int, node, programText, pt2File, pt2Members, value } from "../../support/files/pt2-file.ts";
import { torchFile } from "../../support/files/torch-file.ts";
import { EXACT_FLOATS, EXACT_INTEGERS, type WrittenTensor } from "../../support/files/written-tensor.ts";
import { zipOf } from "../../support/files/zip-file.ts";
import { sourceContract } from "./contract.ts";
import { mutationContract } from "./mutations.ts";
import { expectRefusal } from "./refusals.ts";

const { I64 = [], I32 = [], I16 = [], I8 = [], U8 = [], U16 = [], BOOL = [] } = EXACT_INTEGERS;

sourceContract(pt2, {
  write: (path, tensors) => writeFile(path, pt2File(tensors)),
  unreadable: "C64",
  exact: { ...EXACT_FLOATS, I64, I32, I16, I8, U8, U16, BOOL },
});

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-pt2-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${count++}.pt2`);
  await writeFile(path, bytes);
  return path;
}

const W: WrittenTensor = { name: "a.weight", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] };
const V: WrittenTensor = { name: "b.weight", dtype: "F32", shape: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8] };

const LINEAR = {
  inputs: { x: [1, 3] },
  nodes: [
    node("linear.default", { input: value("x"), weight: value("a.weight") }, ["h"]),
    node("relu.default", { self: value("h") }, ["r"]),
    node("linear.default", { input: value("r"), weight: value("b.weight") }, ["y"]),
  ],
  outputs: [value("y")],
};

const program = (text: string) => zipOf(pt2Members([W], text));
const graph = (given: Parameters<typeof programText>[1]) => program(programText([W], given));
const told = (lies: Record<string, unknown>) => zipOf(pt2Members([W], programText([W]), lies));

const nested = (depth: number): unknown => {
  let inner: unknown = { inputs: [], outputs: [], nodes: [] };
  for (let i = 0; i < depth; i++) {
    const call = node("torch.ops.higher_order.wrap_x", { body: { as_graph: { graph: inner } } }, []);
    inner = { inputs: [], outputs: [], nodes: [call] };
  }
  return inner;
};

const DAMAGED: readonly (readonly [what: string, bytes: Uint8Array, says: RegExp])[] = [
  ["text", Buffer.from("not a model\n"), /found "not " at byte 0, required a zip archive/],
  ["an empty file", new Uint8Array(0), /required a zip archive/],
  ["an archive without a program", zipOf([{ name: "m/data.pkl", data: "x" }]), /found no program/],
  [
    "an archive of two programs",
    zipOf([{ name: "m/models/a.json", data: "{}" }, { name: "m/models/b.json", data: "{}" }]),
    /found programs "m\/models\/a\.json", "m\/models\/b\.json"/,
  ],
  ["a program that is no JSON", program("{"), /found no JSON/],
  ["a program without a graph", program("{}"), /graph: found null, required a graph/],
  ["a program of brackets", program("[".repeat(100_000)), /required/],
  [
    "nodes that are no list",
    program(programText([W]).replace('"nodes":[]', '"nodes":{}')),
    /nodes: found \{\}/,
  ],
  ["a node without a target", graph({ nodes: [{}] }), /nodes\[0\], target: found null, required a name/],
  [
    "a node that reads itself",
    graph({ nodes: [node("relu.default", { self: value("h") }, ["h"])] }),
    /found "h", which no node before it makes/,
  ],
  [
    "an output that nobody made",
    graph({ outputs: [value("nothing")] }),
    /found "nothing", which no node before it makes/,
  ],
  [
    "an argument of no kind",
    graph({ nodes: [node("relu.default", { self: {} }, ["h"])] }),
    /inputs\[0\]: found \{\}, required an object of one key/,
  ],
  [
    "graphs 20 deep",
    graph({ nodes: (nested(20) as { nodes: unknown[] }).nodes }),
    /graphs \d+ deep, required at most/,
  ],
  [
    "a parameter that is not in the archive",
    zipOf(pt2Members([], programText([W]))),
    /found no tensor "a\.weight", required one in the archive/,
  ],
  [
    "a path out of the archive",
    told({ path_name: "../../../etc/passwd" }),
    /entry "\.\.\/\.\.\/\.\.\/etc\/passwd": found none/,
  ],
  ["an absolute path", told({ path_name: "/etc/passwd" }), /entry "\/etc\/passwd": found none/],
  ["a path that is a number", told({ path_name: 7 }), /found none/],
  [
    "more numbers than there are",
    told({ sizes: [{ as_int: 1000 }, { as_int: 1000 }] }),
    /found 24 bytes, required/,
  ],
  ["10^18 numbers", told({ sizes: [{ as_int: 1e9 }, { as_int: 1e9 }] }), /found 24 bytes, required/],
  ["a negative extent", told({ sizes: [{ as_int: -2 }, { as_int: 3 }] }), /required non-negative integers/],
  [
    "an extent that is a fraction",
    told({ sizes: [{ as_int: 0.5 }, { as_int: 3 }] }),
    /required non-negative/,
  ],
  [
    "strides beyond the storage",
    told({ strides: [{ as_int: 2 ** 40 }, { as_int: 1 }] }),
    /found 24 bytes, required/,
  ],
  ["negative strides", told({ strides: [{ as_int: -3 }, { as_int: 1 }] }), /required non-negative integers/],
  ["an offset beyond the storage", told({ storage_offset: int(1) }), /found 24 bytes, required 28 bytes/],
  ["strides of another rank", told({ strides: [{ as_int: 1 }] }), /required non-negative integers/],
  [
    "a thousand million repeats",
    told({ sizes: [{ as_int: 1e5 }, { as_int: 1e4 }], strides: [{ as_int: 0 }, { as_int: 0 }] }),
    /required at most 1048576 where they repeat/,
  ],
  [
    "a hundred axes",
    told({
      sizes: Array.from({ length: 100 }, () => int(1)),
      strides: Array.from({ length: 100 }, () => int(1)),
    }),
    /at most 16 axes/,
  ],
];

describe("hostile exported programs", () => {
  it.each(DAMAGED)(
    "%s: refused with file, place, found and required, on one line",
    async (_, bytes, says) => {
      const path = await written(bytes);
      await expectRefusal(pt2, path, says);
    },
  );

  it("takes names that objects have by nature", async () => {
    const tensor = { ...W, name: "__proto__" };
    const path = await written(pt2File([tensor], {
      inputs: { constructor: [1, 3] },
      nodes: [
        node("linear.default", { input: value("constructor"), weight: value("__proto__") }, ["toString"]),
      ],
    }));
    const model = await pt2.open(path, "id");
    expect(layerGraph(model).layers.map(({ name }) => name)).toEqual(["__proto__"]);
    expect([...await model.read("__proto__")]).toEqual([1, 2, 3, 4, 5, 6]);
    await model.close();
  });

  it("takes one tensor of a pickled entry, also for several names", async () => {
    const pickled = (tensors: readonly WrittenTensor[]) =>
      zipOf(
        pt2Members([W, { ...W, name: "b.weight" }], programText([W]), {
          path_name: "pickled",
          use_pickle: true,
        }).concat({ name: "m/data/weights/pickled", data: torchFile("zip", tensors) }),
      );
    const model = await pt2.open(await written(pickled([V])), "id");
    expect(model.tensors.map(({ name }) => name)).toEqual(["a.weight", "b.weight"]);
    expect([...await model.read("b.weight")]).toEqual(V.values);
    await model.close();
    await expect(pt2.open(await written(pickled([W, V])), "id")).rejects.toThrow(
      /tensor "a\.weight": "pickled": found 2 tensors, required one/,
    );
  });

  it("gathers numbers by their strides", async () => {
    const members = pt2Members([W], programText([W]), {
      sizes: [{ as_int: 3 }, { as_int: 2 }],
      strides: [{ as_int: 1 }, { as_int: 3 }],
    });
    const model = await pt2.open(await written(zipOf(members)), "id");
    expect([...await model.read("a.weight")]).toEqual([1, 4, 2, 5, 3, 6]);
    await model.close();
  });
});

const golden = (name: string) => readFile(new URL(`../../golden/files/export/${name}`, import.meta.url));

mutationContract(
  pt2,
  async () => [
    await golden("mlp/torch-2.5.pt2"),
    await golden("mlp/torch-2.8.pt2"),
    pt2File([W, V], LINEAR),
  ],
);

describe("programs that are damaged behind their checksums", () => {
  const text = programText([W, V], LINEAR);
  mutationContract(
    pt2,
    () => Promise.resolve([Buffer.from(text)]),
    5000,
    (bytes) => zipOf(pt2Members([W, V], bytes as unknown as string)),
  );
});
