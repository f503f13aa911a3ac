import { readFile } from "node:fs/promises";
import { pytorch } from "../../../connectors/sources/pytorch/pytorch.ts";
import { pickle, stateDict, zipOfPickle } from "../../support/files/torch-file.ts";
import { encoded } from "../../support/files/written-tensor.ts";
import { mutationContract } from "./mutations.ts";

const file = (name: string) => readFile(new URL(`../../golden/files/${name}`, import.meta.url));

mutationContract(pytorch, () =>
  Promise.all([
    "layouts.pt",
    "layouts-legacy.pth",
    "module-legacy.pth",
    "checkpoint-legacy.pth",
    "protocol-4-legacy.pth",
    "agent.zip",
  ].map(file)));

const TENSORS = ["a.weight", "b.weight"].map((name) => ({
  name,
  dtype: "F32",
  shape: [2, 3],
  values: [1, 2, 3, 4, 5, 6],
}));

mutationContract(
  pytorch,
  () => Promise.resolve([pickle.whole(stateDict(TENSORS))]),
  4000,
  (bytes) => zipOfPickle(bytes, TENSORS.map((tensor) => encoded(tensor))),
);
