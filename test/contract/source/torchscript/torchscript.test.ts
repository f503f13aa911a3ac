/** TorchScript's code: what is followed, and that no code holds the reader up. */

import { readFile } from "node:fs/promises";
import { cpuUsage } from "node:process";
import { describe, expect, it } from "vitest";
import { pytorch } from "../../../../connectors/sources/pytorch/pytorch.ts";
import { damaged, dice, mutationContract } from "../mutations.ts";
import { archive, graphOf, net, said, weight } from "./network.ts";

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
  ["a condition that changes what it looks at, before a branch that refuses its input", [
    "n = [4, 5]",
    "if torch.eq(torch.pop(n), 4):",
    '  ops.prim.RaiseException("no")',
    "else:",
    "  pass",
    "return torch.linear(h, b)",
  ]],
  ["a loop of a known length", [
    "for i in range(self.count):",
    "  h = torch.relu(h)",
    "return torch.linear(h, b)",
  ]],
  ["a loop from a number to another by steps", [
    "n = annotate(List[int], [])",
    "for j in range(torch.__range_length(7, 0, -3)):",
    "  _0 = torch.append(n, torch.__derive_index(j, 7, -3))",
    "if torch.eq(n, [7, 4, 1]):",
    "  y = h",
    "else:",
    "  y = x",
    "for j in range(torch.__range_length(4, 4, 1)):",
    "  y = x",
    "return torch.linear(y, b)",
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

it("a traced network of ten thousand lines is followed", async () => {
  const lines = Array.from(
    { length: 12_000 },
    () => "h = torch.mul(torch.add(h, torch.mul(h, 2), alpha=1), torch.add(1, torch.mul(2, 3)))",
  );
  const graph = await graphOf(net([...lines, "return torch.linear(h, b)"]));
  expect(graph.warnings).toEqual([]);
  expect(graph.connections.map(({ evidence }) => evidence)).toEqual(["graph"]);
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

const golden = (name: string) => readFile(new URL(`../../../golden/files/export/${name}`, import.meta.url));

mutationContract(
  pytorch,
  async () => [
    await golden("mlp/traced.pt"),
    await golden("mlp/frozen.pt"),
    archive(CODE, [weight("0", [2, 2])]),
  ],
  2500,
);
