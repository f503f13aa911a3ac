/** What works on this machine, and what would make it faster. */

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { arch, env, platform } from "node:process";
import { freeMemory } from "../../base/free-memory.ts";
import { messageOf } from "../../model/errors.ts";
import { automaticMemory } from "../../run/automatic-memory.ts";
import { runtime } from "../versions.ts";
import { VERSION } from "../../version.ts";

/** One part that was looked at. */
export interface Checkup {
  readonly part: "version" | "machine" | "kernel" | "speed" | "embedded graph" | "graph server" | "png";
  /** `broken` is what a run needs unless it is told otherwise; `absent` is not needed. */
  readonly state: "works" | "absent" | "broken";
  readonly what: string;
  /** What to do about it; null where nothing is to be done. */
  readonly advice: string | null;
}

const GIB = 2 ** 30;

/** Looks at every part. Takes about a second; a graph server that is away takes longer. */
export async function checkups(): Promise<Checkup[]> {
  return [
    works("version", `svrflow ${VERSION}, ${runtime()}, ${platform} ${arch}`),
    machine(),
    ...await kernels(),
    await embeddedGraph(),
    await graphServer(),
    await png(),
  ];
}

function works(part: Checkup["part"], what: string, advice: string | null = null): Checkup {
  return { part, state: "works", what, advice };
}

function machine(): Checkup {
  const [cores, ...sizes] = [availableParallelism(), totalmem(), freeMemory(), automaticMemory()];
  const [total, free, budget] = sizes.map((bytes) => (bytes / GIB).toFixed(1));
  return works(
    "machine",
    `${cores} cores; ${total} GiB of memory, ${free} GiB free, ${budget} GiB for weights and spectra (--memory)`,
  );
}

async function kernels(): Promise<Checkup[]> {
  const { openKernel } = await import("../../kernels/select.ts");
  const { calibrate } = await import("../../run/forecast/calibration.ts");
  const { kernel, because } = await openKernel("auto");
  try {
    const { name, version } = kernel.info;
    const advice = because === null
      ? "--precision f32 is faster, and moves the largest edges by up to 0.2 %"
      : `OpenBLAS and koffi make decompositions faster (docs/performance.md); not taken: ${because}`;
    const { svd_gflops, product_gflops, threads } = await calibrate(kernel);
    return [
      works("kernel", `${name} (${version})`, advice),
      works(
        "speed",
        `${svd_gflops.toFixed(1)} GFLOP/s of decompositions, ${
          product_gflops.toFixed(1)
        } of overlaps, ${threads} threads`,
      ),
    ];
  } finally {
    await kernel.dispose();
  }
}

async function embeddedGraph(): Promise<Checkup> {
  const part = "embedded graph";
  const folder = await mkdtemp(join(tmpdir(), "svrflow-doctor-"));
  try {
    const { loadLadybug, openStore } = await import("../../../connectors/sinks/ladybug/ladybug-store.ts");
    const store = await openStore(loadLadybug(), join(folder, "graph.lbug"), "write", 64 * 2 ** 20);
    try {
      await store.run("RETURN 1 AS one");
    } finally {
      await store.close();
    }
    return works(part, "Ladybug opens a store");
  } catch (failure) {
    return { part, state: "broken", what: messageOf(failure), advice: "--graph none runs without it" };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function graphServer(): Promise<Checkup> {
  const part = "graph server";
  if ((env["NEO4J_URI"] ?? "") === "") {
    return { part, state: "absent", what: "NEO4J_URI is not set", advice: null };
  }
  try {
    const { neo4jSettings } = await import("../../../connectors/sinks/neo4j/neo4j-settings.ts");
    const { connectServer } = await import("../../../connectors/sinks/neo4j/neo4j-server.ts");
    const settings = neo4jSettings({ patience: 0 });
    const server = await connectServer(settings);
    try {
      await server.alone("RETURN 1 AS one");
      return works(part, `${settings.uri}, database ${settings.database}, answers`);
    } finally {
      await server.close();
    }
  } catch (failure) {
    return { part, state: "broken", what: messageOf(failure), advice: "--graph embedded needs no server" };
  }
}

async function png(): Promise<Checkup> {
  try {
    const { openPngWriter } = await import("../../viewer/png.ts");
    (await openPngWriter())('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    return works("png", "resvg draws");
  } catch (failure) {
    return { part: "png", state: "absent", what: messageOf(failure), advice: null };
  }
}
