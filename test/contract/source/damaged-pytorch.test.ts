import { readFileSync } from "node:fs";
import { pytorch } from "../../../connectors/sources/pytorch.ts";
import { pickle, stateDict, zipOfPickle } from "../../torch-file.ts";
import { encoded } from "../../written-tensor.ts";
import { damageSuite } from "./damage.ts";

const file = (name: string) =>
  [name, readFileSync(new URL(`../../golden/files/${name}`, import.meta.url))] as const;

const TENSORS = ["a.weight", "b.weight"].map((name) => ({
  name,
  dtype: "F32",
  shape: [2, 3],
  values: [1, 2, 3, 4, 5, 6],
}));

damageSuite(pytorch, [
  file("layouts.pt"),
  file("layouts-legacy.pth"),
  file("module-legacy.pth"),
  file("checkpoint-legacy.pth"),
  file("protocol-4.pt"),
  file("agent.zip"),
  [
    "pickle.pt",
    pickle.whole(stateDict(TENSORS)),
    (bytes) => zipOfPickle(bytes, TENSORS.map((tensor) => encoded(tensor))),
  ],
]);
