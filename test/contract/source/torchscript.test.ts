/** TorchScript's code: what is followed, what is said where it is not, and that no code holds the reader up. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pytorch } from "../../../connectors/sources/pytorch/pytorch.ts";
import type { LayerGraph } from "../../../src/model/layer.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { torchScript } from "../../support/torch-file.ts";
import type { WrittenTensor } from "../../support/written-tensor.ts";
import { damaged, dice, mutationContract } from "./mutations.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torchscript-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const weight = (name: string, shape: readonly number[]): WrittenTensor => ({
  name,
  dtype: "F32",
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 7 - 3),
});

const A = weight("a", [4, 3]), B = weight("b", [5, 4]), C = weight("c", [4, 4]);

const archive = (code: string | Uint8Array, constants: readonly WrittenTensor[] = []) =>
  torchScript(code, [A, B, C], constants);

/** A class with this body of `forward`, and functions beside it. */
const net = (body: readonly string[], functions = "") =>
  `class Net(Module):
  __parameters__ = ["a", "b", ]
  a : Tensor
  flag : Final[bool] = True
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    a = self.a
    b = getattr(self, "b")
    c = self.c
    h = torch.linear(x, a, None)
${body.map((line) => `    ${line}\n`).join("")}${functions}`;

async function graphOf(
  code: string | Uint8Array,
  constants: readonly WrittenTensor[] = [],
): Promise<LayerGraph> {
  const path = join(folder, `${count++}.pt`);
  await writeFile(path, archive(code, constants));
  const model = await pytorch.open(path, "id");
  await model.close();
  return layerGraph(model);
}

const said = ({ layers, connections }: LayerGraph) =>
  connections.map(({ source, target, evidence }) =>
    `${layers[source]!.name} -> ${layers[target]!.name} ${evidence}`
  );

const FOLLOWED: readonly (readonly [what: string, body: readonly string[], functions?: string])[] = [
  ["a straight line", ["return torch.linear(torch.relu(h), b)"]],
  ["a branch by a flag", [
    "if self.flag:",
    "  y = torch.relu(h)",
    "else:",
    "  y = torch.linear(h, c)",
    "return torch.linear(y, b)",
  ]],
  [
    "a branch by an extent",
    [
      "if torch.eq(torch.size(h, -1), 4):",
      "  y = h",
      "else:",
      "  y = torch.linear(h, c)",
      "return torch.linear(y, b)",
    ],
  ],
  ["a value by a condition", ["y = torch.relu(h) if self.flag else x", "return torch.linear(y, b)"]],
  [
    "a branch that refuses its input",
    [
      "if torch.gt(torch.size(x, 0), 5):",
      '  ops.prim.RaiseException("no")',
      "else:",
      "  pass",
      "return torch.linear(h, b)",
    ],
  ],
  ["a loop of a known length", [
    "for i in range(self.count):",
    "  h = torch.relu(h)",
    "return torch.linear(h, b)",
  ]],
  [
    "a loop that counts",
    [
      "i = 0",
      "while torch.lt(i, self.count):",
      "  i = torch.add(i, 1)",
      "  h = torch.sigmoid(h)",
      "return torch.linear(h, b)",
    ],
  ],
  ["values taken apart", ["p, q, = torch.chunk(h, 2, 1)", "return torch.linear(torch.cat([p, q], 1), b)"]],
  ["one value taken apart", ["p, = torch.split(h, 4, 1)", "return torch.linear(p, b)"]],
  [
    "what is changed in place",
    ["_0 = torch.relu_(h)", "return torch.linear(h, b)"],
  ],
  [
    "a function of the archive, with a default",
    ["return torch.linear(__torch__.act(h, ), b)"],
    "def act(x: Tensor,\n    really: bool=True) -> Tensor:\n  if really:\n    y = torch.relu(x)\n  else:\n    y = torch.matmul(x, x)\n  return y\n",
  ],
  [
    "lists, texts and annotations",
    [
      "n = annotate(List[int], [])",
      "_1 = torch.append(n, torch.size(h, 0))",
      "_2 = torch.append(n, 4)",
      'if torch.eq("a", "b"):',
      "  y = x",
      "else:",
      "  y = torch.view(h, n)",
      "return torch.linear(unchecked_cast(Tensor, y), b)",
    ],
  ],
  ["a norm along axes, by place", [
    "y = torch.unsqueeze(torch.unsqueeze(h, 2), 3)",
    "return torch.linear(torch.linalg_vector_norm(y, 2, [2, 3]), b)",
  ]],
  ["a variance along axes, by place", [
    "y = torch.unsqueeze(torch.unsqueeze(h, 2), 3)",
    "return torch.linear(torch.var(y, [2, 3], True, False), b)",
  ]],
  ["lists that are changed", [
    "n = [x, x, h]",
    "_0 = torch._set_item(n, 0, h)",
    "_1 = torch.insert(n, 1, c)",
    "_2 = torch.extend(n, [x])",
    "_3 = torch.pop(n, -1)",
    "_4 = torch.reverse(n)",
    "m = torch.copy(torch.list(n))",
    "_5 = torch.clear(n)",
    "return torch.linear(torch.pop(m), b)",
  ]],
];

describe("code that is followed", () => {
  it.each(FOLLOWED.map(([what, body, functions = ""]) => [what, body, functions] as const))(
    "%s",
    async (_, body, functions) => {
      const graph = await graphOf(net(body, functions));
      expect(graph.warnings).toEqual([]);
      expect(said(graph)).toEqual(["a -> b graph"]);
    },
  );

  it("weights of a frozen network, and numbers that are constants", async () => {
    const constants = [
      weight("0", [6, 4]),
      { ...weight("1", []), dtype: "I64", values: [1] },
      weight("2", [2, 6]),
    ];
    const graph = await graphOf(
      net([
        "y = torch.linear(h, CONSTANTS.c0)",
        "z = torch.softmax(y, int(CONSTANTS.c1))",
        "return torch.linear(z, CONSTANTS.c2)",
      ]),
      constants,
    );
    expect(said(graph)).toEqual(["a -> constants.0 graph", "constants.0 -> constants.2 graph"]);
    expect(graph.skipped.filter(({ subject }) => subject === "tensor").map(({ name }) => name)).toEqual([
      "b",
      "c",
    ]);
  });
});

it("a constant that no double holds is not known, and the rest is read", async () => {
  const large = { ...weight("0", []), dtype: "I64", values: [2n ** 53n + 1n as unknown as number] };
  const graph = await graphOf(
    net(["y = torch.mul(h, CONSTANTS.c0)", "return torch.linear(torch.relu(h), b)"]),
    [large],
  );
  expect(said(graph)).toEqual(["a -> b graph"]);
});

const NOT_FOLLOWED:
  readonly (readonly [what: string, body: readonly string[], says: RegExp, functions?: string])[] = [
    [
      "a branch by the input",
      [
        "if bool(torch.gt(torch.sum(x), 0)):",
        "  y = h",
        "else:",
        "  y = torch.linear(h, c)",
        "return torch.linear(y, b)",
      ],
      /forward, line \d+: a branch that depends on the input/,
    ],
    [
      "a branch by a text that is not known",
      [
        'if torch.eq(torch.format("{}", x), "a"):',
        "  y = x",
        "else:",
        "  y = h",
        "return torch.linear(y, b)",
      ],
      /a branch that depends on the input/,
    ],
    [
      "a branch by a text that is not known to differ",
      [
        'if torch.ne("a", torch.format("{}", x)):',
        "  y = h",
        "else:",
        "  y = x",
        "return torch.linear(y, b)",
      ],
      /a branch that depends on the input/,
    ],
    [
      "a branch by whether a list has a value that is not known",
      [
        "if torch.__contains__([1, 2], torch.size(x, 0)):",
        "  y = x",
        "else:",
        "  y = h",
        "return torch.linear(y, b)",
      ],
      /a branch that depends on the input/,
    ],
    [
      "a branch by whether values that are not known are a text",
      [
        'if torch.__contains__([torch.size(x, 0)], "a"):',
        "  y = x",
        "else:",
        "  y = h",
        "return torch.linear(y, b)",
      ],
      /a branch that depends on the input/,
    ],
    [
      "a loop by the input",
      ["for i in range(torch.size(x, 0)):", "  h = torch.relu(h)", "return torch.linear(h, b)"],
      /a loop whose length depends on the input/,
    ],
    ["a loop without an end", ["while True:", "  pass", "return torch.linear(h, b)"], /found over \d+ steps/],
    ["a very long loop", ["for i in range(1000000000000):", "  pass", "return h"], /found over \d+ steps/],
    [
      "loops in loops",
      ["for i in range(100000):", "  for j in range(100000):", "    pass", "return h"],
      /found over \d+ steps/,
    ],
    [
      "a function that calls itself",
      ["return __torch__.f(h, )"],
      /calls over 64 deep/,
      "def f(x: Tensor) -> Tensor:\n  return __torch__.f(x, )\n",
    ],
    ["a list that doubles", [
      "n = [1]",
      ...Array.from({ length: 60 }, () => "n = torch.add(n, n)"),
      "return h",
    ], /list of \d+ values/],
    ["a list that is sorted", ["n = [2, 1]", "_0 = torch.sort(n)", "return h"], /"sort" of a list/],
    ["an item that is deleted", ["n = [x, h]", "_0 = torch.Delete(n, 0)", "return h"], /"Delete" of a list/],
    [
      "an item that is not there",
      ["n = [h]", "_0 = torch._set_item(n, 3, x)", "return h"],
      /"_set_item" of a/,
    ],
    ["lists by the thousand", [
      "n = annotate(List[List[int]], [])",
      ...Array.from({ length: 1500 }, () => "_0 = torch.append(n, range(4000))"),
      "return h",
    ], /over \d+ items of lists/],
    ["an attribute that is not there", ["return self.nothing"], /no attribute "nothing"/],
    ["a method that is not there", ["return (self).nothing(h, )"], /no method "nothing"/],
    [
      "a function that is not there",
      ["return __torch__.nothing(h, )"],
      /"__torch__\.nothing", which is no function/,
    ],
    ["a constant that is not there", ["return CONSTANTS.c9"], /no constant "c9"/],
    ["a call of a number", ["return (3)(h)"], /a call of what is no function/],
    ["text without an end", ['return "x'], /line \d+: found/],
    ["brackets without an end", ["return torch.relu((("], /required/],
    ["brackets in brackets", [`return ${"(".repeat(5000)}h${")".repeat(5000)}`], /required/],
    ["minus after minus", [`return ${"-".repeat(5000)}1`], /required/],
    ["conditions in conditions", [`y = ${"h if True else ".repeat(5000)}h`, "return y"], /required/],
    ["an assignment to a part", ["h[0] = x", "return h"], /assignment to a part/],
    ["a foreign language", ["lambda: 3 @@ 4"], /line \d+: found/],
  ];

describe("code that is not followed", () => {
  it.each(NOT_FOLLOWED.map(([what, body, says, functions = ""]) => [what, body, says, functions] as const))(
    "%s: its weights are read, and it is said why",
    async (_, body, says, functions) => {
      const start = cpuUsage();
      const graph = await graphOf(net(body, functions));
      const { user, system } = cpuUsage(start);
      const [warning] = graph.warnings;
      expect(warning).toMatch(/^the graph of this TorchScript file is not used: /);
      expect(warning).toMatch(says);
      expect(warning).not.toContain("\n");
      expect(graph.layers.map(({ name }) => name).sort()).toEqual(["a", "b", "c"]);
      expect(graph.connections.every(({ evidence }) => evidence === "guessed")).toBe(true);
      // Seconds of processor time.
      expect((user + system) / 1e6).toBeLessThan(5);
    },
  );

  it("a write to a part of a tensor ends the way, also where a function writes", async () => {
    const part = "torch.slice(h, 1, 0, 2)";
    for (const write of [`torch.copy_(${part}, torch.slice(h, 1, 2, 4))`, "__torch__.write(h, )"]) {
      const graph = await graphOf(
        net(
          [`_0 = ${write}`, "return torch.linear(h, b)"],
          "def write(x: Tensor) -> Tensor:\n  return torch.copy_(torch.slice(x, 1, 0, 2), torch.slice(x, 1, 2, 4))\n",
        ),
      );
      expect(said(graph)).toEqual([]);
      expect(graph.skipped.map(({ reason }) => reason).join("\n")).toMatch(/a part of it is written to/);
    }
  });

  it("an operator that is not known ends the way, by its name", async () => {
    const graph = await graphOf(net(["y = torch.fft_fft(h)", "return torch.linear(y, b)"]));
    expect(graph.skipped.map(({ reason }) => reason).join("\n")).toMatch(
      /aten\.fft_fft "forward": an operator that is not known/,
    );
  });

  it("reaches nothing but the network: names that objects have by nature are names", async () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      const graph = await graphOf(net([`return self.${name}`]));
      expect(graph.warnings[0]).toContain(`no attribute "${name}"`);
      expect((await graphOf(net([`return ${name}.${name}(h)`]))).layers.length).toBeGreaterThan(0);
    }
  });
});

const CODE = net(
  FOLLOWED.filter(([, , functions]) => functions === undefined).flatMap(([, body]) =>
    body.filter((line) => !/^return/.test(line))
  )
    .concat("return torch.linear(h, b)"),
);

it("damaged code gives a graph or a reason, in little time", async () => {
  const below = dice(20_260_601);
  const outcomes = { followed: 0, refused: 0 };
  let longest = 0;
  for (let round = 0; round < 1000; round++) {
    const start = cpuUsage();
    const { warnings } = await graphOf(damaged(Buffer.from(CODE), below));
    const { user, system } = cpuUsage(start);
    longest = Math.max(longest, (user + system) / 1e6);
    outcomes[warnings.some((each) => each.includes("is not used")) ? "refused" : "followed"]++;
  }
  expect(Math.min(outcomes.followed, outcomes.refused)).toBeGreaterThan(25);
  expect(longest).toBeLessThan(5);
});

const golden = (name: string) => readFile(new URL(`../../golden/files/export/${name}`, import.meta.url));

mutationContract(
  pytorch,
  async () => [
    await golden("mlp/traced.pt"),
    await golden("mlp/frozen.pt"),
    archive(CODE, [weight("0", [2, 2])]),
  ],
  2500,
);
