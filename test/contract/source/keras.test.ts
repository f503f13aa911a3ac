import { writeFile } from "node:fs/promises";
import { keras } from "../../../connectors/sources/keras/keras.ts";
import { h5Of, kerasFile, writeH5 } from "../../support/files/h5-file.ts";
import { EXACT_FLOATS, EXACT_INTEGERS } from "../../support/files/written-tensor.ts";
import { zipOf } from "../../support/files/zip-file.ts";
import { sourceContract } from "./contract.ts";
import { mutationContract } from "./mutations.ts";

const { F32, F64, F16, BF16 } = EXACT_FLOATS;
const { BOOL: _noType, ...integers } = EXACT_INTEGERS;

const traits = {
  exact: { F32, F64, F16, BF16, ...integers },
  unreadable: "C64",
  // Names end with a NUL.
  spells: (name: string) => !name.includes("\u0000"),
};

sourceContract(keras, { ...traits, write: writeH5 });

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

sourceContract({ ...keras, name: "keras", extensions: [".keras"] }, {
  ...traits,
  write: async (path, tensors) =>
    await writeFile(
      path,
      zipOf([
        { name: "metadata.json", data: text({ keras_version: "3.15.1" }) },
        { name: "config.json", data: text({ class_name: "Own", config: {} }) },
        { name: "model.weights.h5", data: await h5Of(tensors) },
      ]),
    ),
});

// Half for each container: 10,000 for the reader.
const ROUNDS = 5_000;

mutationContract(
  keras,
  () => Promise.all(["layouts.h5.gz", "newer.h5.gz", "tiny.h5.gz"].map(kerasFile)),
  ROUNDS,
);

mutationContract({ ...keras, extensions: [".keras"] }, () => Promise.all([kerasFile("tiny.keras")]), ROUNDS);
