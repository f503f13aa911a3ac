/** RegNet, X and Y (Radosavovic et al. 2020), as torchvision and timm name it. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { excite, unit } from "./units.ts";

type Unit = readonly [conv: string, norm: string];

/** What the parts are called; those of a block relative to it. */
interface Names {
  readonly stem: Unit;
  /** A stage's blocks, without their numbers. */
  readonly stage: (stage: number) => string;
  /** The number of a stage's first block. */
  readonly first: number;
  readonly units: readonly [Unit, Unit, Unit];
  readonly excitation: readonly [reduce: string, expand: string];
  readonly projection: Unit;
  readonly head: string;
}

const TORCHVISION: Names = {
  stem: ["stem.0", "stem.1"],
  stage: (stage) => `trunk_output.block${stage}.block${stage}-`,
  first: 0,
  units: [["f.a.0", "f.a.1"], ["f.b.0", "f.b.1"], ["f.c.0", "f.c.1"]],
  excitation: ["f.se.fc1", "f.se.fc2"],
  projection: ["proj.0", "proj.1"],
  head: "fc",
};

const TIMM: Names = {
  stem: ["stem.conv", "stem.bn"],
  stage: (stage) => `s${stage}.b`,
  first: 1,
  units: [["conv1.conv", "conv1.bn"], ["conv2.conv", "conv2.bn"], ["conv3.conv", "conv3.bn"]],
  excitation: ["se.fc1", "se.fc2"],
  projection: ["downsample.conv", "downsample.bn"],
  head: "head.fc",
};

const STAGES = [1, 2, 3, 4];

/** RegNetX and RegNetY. */
export const regnet: Architecture = {
  name: "RegNet",
  build(facts) {
    for (const names of [TORCHVISION, TIMM]) {
      const [first, middle] = names.units;
      const block = `${names.stage(1)}${names.first}.`;
      const signs = [`${names.stem[0]}.weight`, `${block}${first[0]}.weight`, `${block}${middle[0]}.weight`];
      const net = Network.find("RegNet", facts, signs as [string, ...string[]]);
      if (net !== null) return build(net, names);
    }
    return null;
  },
};

function build(net: Network, names: Names) {
  let x = unit(net, names.stem, net.input());
  for (const stage of STAGES) {
    const list = names.stage(stage);
    const blocks = net.blocks(list, { first: names.first });
    for (const i of blocks) x = block(net, `${list}${i}`, names, x);
    const widths = blocks.map((i) => net.shape(`${list}${i}.${names.units[1][0]}.weight`)[1]);
    if (new Set(widths).size > 1) net.fail(list, `groups of ${widths.join(", ")}`, "groups of one width");
  }
  head(net, [names.head], net.flatten(net.globalPool(x)));
  return net.finish();
}

function block(net: Network, name: string, { units, excitation, projection }: Names, x: Signal): Signal {
  const within = (names: Unit): Unit => [`${name}.${names[0]}`, `${name}.${names[1]}`];
  const [first, middle, last] = units;
  let y = unit(net, within(middle), unit(net, within(first), x), { grouping: "grouped" });
  const scale = within(excitation);
  if (net.hasLayer(scale[0])) y = excite(net, `${name}.se`, scale, y);
  const around = within(projection);
  return net.sum(net.hasLayer(around[0]) ? unit(net, around, x) : x, unit(net, within(last), y));
}
