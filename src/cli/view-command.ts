/** `svr view`: a run or a lake in the browser. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { platform, stderr } from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { DEFAULTS } from "../../config/defaults.ts";
import { printable } from "../report/text.ts";

interface Options {
  readonly port: number;
  readonly open: boolean;
  readonly lake?: string;
  readonly export?: string;
}

/** Adds the command. @param write takes what belongs on stdout @param signal ends the server */
export function addViewCommand(program: Command, write: (text: string) => void, signal: AbortSignal): void {
  program.command("view")
    .description("move through a run in the browser: models, neurons, edges, the report, questions in Cypher")
    .argument("[run]", "output folder of a run, or a lake (default: svr-out, and with --lake none)")
    .option("--port <n>", "to listen on, on this machine alone; 0 is any that is free", portOf, 0)
    .option("--no-open", "print the address, and open no browser")
    .option(
      "--lake <place>",
      "where its tables lie, if not in the folder: another one, or s3://bucket/prefix",
    )
    .option("--export <folder>", "write the page as a new folder that any file server can serve, and end")
    .addHelpText(
      "after",
      "\nExamples:\n  svr view my-run\n  svr view my-run --port 8080 --no-open\n  svr view my-run --export my-page",
    )
    .action(async (run: string | undefined, options: Options) => {
      await view(run, options, write, signal);
    });
}

async function view(
  named: string | undefined,
  options: Options,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const [{ openLake }, { pageFiles }, { viewIndex }, { graphOf }] = await Promise.all([
    import("../../connectors/lake/open.ts"),
    import("../viewer/server/page-files.ts"),
    import("../viewer/server/view-files.ts"),
    import("../query/graph-of-run.ts"),
  ]);
  // A lake that is named alone has no report and no graph: those of another run would speak of other models.
  const run = named ?? (options.lake === undefined ? DEFAULTS.out : null);
  const lake = await openLake(options.lake ?? run ?? DEFAULTS.out);
  const report = async (name: string) =>
    run === null ? null : await readFile(join(run, name), "utf8").catch(() => null);
  const graph = options.export === undefined && run !== null ? await graphOf(run) : null;
  const shown = {
    files: await pageFiles(),
    index: await viewIndex(lake, await report("report.json") !== null, graph?.library ?? null),
    lake,
    report,
    ask: graph?.ask ?? null,
  };
  if (options.export !== undefined) {
    const { exportView } = await import("../viewer/server/view-export.ts");
    const { files, bytes } = await exportView(shown, options.export, signal);
    write(`${printable(options.export)}: ${files} files, ${bytes} bytes; serve it with any file server\n`);
    return;
  }
  const { serveView } = await import("../viewer/server/view-server.ts");
  const server = await serveView(shown, options.port);
  try {
    write(`${server.url}\n`);
    stderr.write("Ctrl-C ends it.\n");
    if (options.open) openBrowser(server.url);
    await new Promise<void>((ended) => {
      if (signal.aborted) ended();
      signal.addEventListener("abort", () => ended(), { once: true });
    });
  } finally {
    await server.close();
    await graph?.close();
  }
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError("Not a port, 0 to 65535.");
  }
  return Number(text);
}

/** Where there is no browser, the printed address is enough. */
function openBrowser(url: string): void {
  const [program, ...args] = platform === "darwin"
    ? ["open", url]
    : platform === "win32"
    ? ["cmd", "/c", "start", "", url]
    : ["xdg-open", url];
  execFile(program, args, () => undefined).unref();
}
