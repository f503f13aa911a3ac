/** TorchScript's code that is not followed: what is said of it. */

import { cpuUsage } from "node:process";
import { describe, expect, it } from "vitest";
import { graphOf, net, said } from "./network.ts";

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
    [
      "a loop from a number to one that is not known",
      [
        "for i in range(torch.__range_length(0, torch.size(x, 0), 2)):",
        "  h = torch.relu(h)",
        "return torch.linear(h, b)",
      ],
      /a loop whose length depends on the input/,
    ],
    [
      "a loop by steps of nothing",
      ["for i in range(torch.__range_length(0, 4, 0)):", "  h = torch.relu(h)", "return torch.linear(h, b)"],
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
