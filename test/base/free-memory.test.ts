import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freeMemory } from "../../src/base/free-memory.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "svr-free-memory-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function lay(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

const machine = () => 1000;

it("is the machine's where nothing limits it", async () => {
  expect(freeMemory(root, machine)).toBe(1000);
  await lay({ "proc/self/cgroup": "0::/user/shell\n", "sys/fs/cgroup/user/memory.max": "max\n" });
  expect(freeMemory(root, machine)).toBe(1000);
  // Without a limit, the first edition says a number larger than any memory.
  await lay({
    "proc/self/cgroup": "4:memory:/a\n",
    "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "5\n",
  });
  expect(freeMemory(root, machine)).toBe(1000);
  expect(freeMemory()).toBeGreaterThan(0);
  expect(freeMemory()).toBeLessThanOrEqual(2 * freemem());
});

it("is what is left of a group's limit, files that are cached aside", async () => {
  await lay({
    "proc/self/cgroup": "0::/box\n",
    "sys/fs/cgroup/box/memory.max": "800\n",
    "sys/fs/cgroup/box/memory.current": "500\n",
    "sys/fs/cgroup/box/memory.stat": "anon 300\nfile 200\ninactive_file 150\nactive_file 50\n",
  });
  expect(freeMemory(root, machine)).toBe(450);
  await lay({ "sys/fs/cgroup/box/memory.current": "5000\n" });
  expect(freeMemory(root, machine)).toBe(0);
});

it("is that of the group around it where that has less, and of a container's own group", async () => {
  await lay({
    "proc/self/cgroup": "0::/a/b\n",
    "sys/fs/cgroup/a/memory.max": "300\n",
    "sys/fs/cgroup/a/memory.current": "100\n",
    "sys/fs/cgroup/a/b/memory.max": "700\n",
    "sys/fs/cgroup/a/b/memory.current": "50\n",
  });
  expect(freeMemory(root, machine)).toBe(200);
  // The first edition; the path is that of the host, and not to be seen from inside.
  await lay({
    "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory,hugetlb:/docker/1\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "400\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "300\n",
    "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 30\n",
  });
  expect(freeMemory(root, machine)).toBe(130);
});
