import { existsSync } from "node:fs"; import { join } from "node:path"; import { argv, cpuUsage, threadCpuUsage } from "node:process"; import { writeFileSync } from "node:fs"; import { Session } from "node:inspector"; import { createHash } from "node:crypto";
import { openPool } from "../../src/kernels/pool.ts"; import { openInThread } from "../../src/kernels/in-thread.ts";
import { openModel } from "../../src/mod.ts"; import { knownGraph } from "../../src/stages/layers.ts"; import { inferred } from "../../src/stages/topology/inference/inferred.ts";
import { hidden } from "./hidden-models.ts"; import { MODELS } from "./wiring-models.ts"; import { SHARED } from "../support/shared.ts"; import { modelInMemory } from "../support/model-in-memory.ts"; import { random } from "../../src/model/random.ts";
const session = new Session(); session.connect();
const post = (m: string) => new Promise<any>((ok, no) => session.post(m as any, (e: any, r: any) => e ? no(e) : ok(r)));
const kernel = process.env.INTHREAD ? await openInThread("wasm","f64") : await openPool({ name: (process.env.KERNEL ?? "wasm") as "wasm", precision: "f64", threads: 1 });
async function one(name: string, from: any) {
  if (process.env.PROF) { await post("Profiler.enable"); await post("Profiler.start"); }
  const c = cpuUsage(), t = threadCpuUsage(); const r = await inferred(from, kernel); const d = cpuUsage(c), e = threadCpuUsage(t);
  const key = createHash("sha256").update(JSON.stringify([r.tests.map((x: any)=>[x.first,x.second,x.logP]), r.spaces, r.graph.connections])).digest("hex").slice(0,12);
  console.log(name, "ports", r.ports.length, "tests", r.tests.length, "all", ((d.user+d.system)/1e6).toFixed(2), "main", ((e.user+e.system)/1e6).toFixed(2), key, "sum", r.tests.reduce((s: number,x: any)=>s+x.logP,0));
  if (process.env.PROF) writeFileSync("/tmp/co/wire.cpuprofile", JSON.stringify((await post("Profiler.stop")).profile));
}
if (argv[2] === "--wide") {
  const [width, count] = [Number(argv[3]), Number(argv[4])]; const source = random(1, "wide");
  await one("wide", modelInMemory(new Map(Array.from({ length: count }, (_, at) => { const values = new Float64Array(width*width); source.normals(values); return [`layers.${at}.weight`, { shape: [width, width], values }]; }))));
} else for (const { path } of MODELS) {
  if (!path.includes(argv[2] ?? "") || !existsSync(join(SHARED, path))) continue;
  const model = await openModel(join(SHARED, path)); const known = knownGraph(model, {});
  const from = hidden(model, known, false).from; for (const { weight } of known.layers) await from.read(weight.tensor);
  await one(path.split("/").slice(-2).join("/"), from); await model.close();
}
await kernel.dispose();
const ch = (globalThis as any).CH as string[]; if (ch && process.env.CHK) { const per = new Map<string, number>(); for (const x of ch) { const [a,b,n] = x.split(" "); per.set(a+b+"", 1); for (const y of [b]) per.set("B"+y, (per.get("B"+y)??0)+1); } console.log("checked", ch.length, "sizes", JSON.stringify(Object.fromEntries([...Map.groupBy(ch, (x)=>x.split(" ")[2]!)].map(([k,v])=>[k,v.length]))), "per b", [...per].filter(([k])=>k.startsWith("B")).map(([,v])=>v).sort((a,b)=>b-a).join(" ")); }
console.log("hits, misses", (globalThis as any).HIT);
