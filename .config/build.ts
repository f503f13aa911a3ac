/**
 * `npm run build`: the package as it is published, in `dist/` or the folder that is given: JavaScript, because Node strips no types
 * inside node_modules.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { argv, execPath } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundled } from "../src/viewer/server/page-files.ts";

const root = new URL("../", import.meta.url);
const dist = argv[2] === undefined ? new URL("dist/", root) : pathToFileURL(`${argv[2]}/`);
const path = (relative: string, base = root) => fileURLToPath(new URL(relative, base));

// A folder that is given is replaced only if it holds a build: anything else is somebody's.
if (argv[2] !== undefined && existsSync(dist) && !existsSync(new URL("src/svr.js", dist))) {
  const [found] = await readdir(dist);
  if (found !== undefined) {
    throw new Error(
      `${fileURLToPath(dist)}: found ${found}, required a new or empty folder, or one of an earlier build`,
    );
  }
}
await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const compiler = path("node_modules/typescript/bin/tsc");
execFileSync(execPath, [compiler, "-p", path(".config/tsconfig.build.json"), "--outDir", path("", dist)], {
  stdio: "inherit",
});

// The page runs in a browser: each script is one file, with what it imports.
const app = "src/viewer/app";
await mkdir(path(app, dist), { recursive: true });
for (const name of ["index.html", "app.css"]) await cp(path(`${app}/${name}`), path(`${app}/${name}`, dist));
for (const name of ["main", "worker"] as const) {
  await writeFile(path(`${app}/${name}.js`, dist), await bundled(name));
}

// What the code reads beside itself, and what a reader of the package expects.
const COPIED = [
  "pipelines/queries",
  // The picture in the README.
  "pipelines/models/vgg16s-wd/epoch-012.f16.svg",
  "config/run-config.schema.json",
  "config/topology.schema.json",
  "examples",
  "src/kernels/wasm",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
];
for (const each of COPIED) await cp(path(each), path(each, dist), { recursive: true });

const program = path("src/svr.js", dist);
await writeFile(program, `#!/usr/bin/env node\n${await readFile(program, "utf8")}`, { mode: 0o755 });

const { private: _private, scripts: _scripts, devDependencies: _dev, allowScripts: _allow, ...published } =
  JSON.parse(
    await readFile(path("package.json"), "utf8"),
  ) as Record<string, unknown>;
const manifest = {
  ...published,
  exports: {
    ".": { types: "./src/mod.d.ts", default: "./src/mod.js" },
    "./run": { types: "./src/run.d.ts", default: "./src/run.js" },
  },
  bin: { svrflow: "src/svr.js", svr: "src/svr.js" },
  // The checkout brings its own Node 24; the package runs on its host's.
  engines: { node: ">=22" },
};
await writeFile(path("package.json", dist), `${JSON.stringify(manifest, null, 2)}\n`);
