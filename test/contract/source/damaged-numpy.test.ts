import { readFileSync } from "node:fs";
import { numpy } from "../../../connectors/sources/numpy.ts";
import { npyOf } from "../../npy-file.ts";
import { zipOf } from "../../zip-file.ts";
import { damageSuite } from "./damage.ts";

const file = (name: string) =>
  [name, readFileSync(new URL(`../../golden/files/${name}`, import.meta.url))] as const;

damageSuite(numpy, [file("arrays.npz"), file("arrays-compressed.npz"), file("version-1.npy"), [
  "array.npz",
  npyOf({ name: "w", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] }),
  (data) => zipOf([{ name: "w.npy", data, deflate: true }]),
]]);
