// Run by npm after every install, by whatever Node the host has: writes the launchers of the command line.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { platform } from "node:process";
import { fileURLToPath } from "node:url";
import { launchers } from "./launchers.mjs";

const bin = fileURLToPath(new URL("../node_modules/.bin/", import.meta.url));

if (existsSync(bin)) {
  for (const [name, text] of launchers(platform)) {
    // Another checkout may share the file.
    rmSync(`${bin}${name}`, { force: true });
    writeFileSync(`${bin}${name}`, text);
    chmodSync(`${bin}${name}`, 0o755);
  }
  // Fills the cache of compiled code. Where this fails (no install scripts, so no Node 24 yet) the first command does it.
  spawnSync(`${bin}svr`, ["inspect", "pipelines/models/mnist-mlp/epoch-010.safetensors"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: "ignore",
    shell: platform === "win32",
  });
}
