/** Ids of models that go wrong where they are not encoded. */

/** Ids that a careless sink takes for paths, patterns, queries or objects. */
export const WEIRD_IDS = [
  "../../escape",
  "a/b",
  "..",
  ".",
  ".hidden",
  "model=x",
  "100%2F",
  'it\'s "quoted" `ticked`',
  "}) DETACH DELETE (n",
  "line\nbreak\ttab",
  "naïve 模型 🧠",
  "__proto__",
  "constructor",
  "back\\slash",
  "*?[a]{b}",
  "~$HOME;#&|<>",
  "NULL",
  "007",
  "trailing space ",
  "🧠 `}\"\n'".repeat(1000),
  "🧠 `}\"\n'".repeat(1001),
];
