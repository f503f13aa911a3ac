/** A real browser for tests of pages: `SVRFLOW_CHROMIUM`, else a Chromium of this machine. */

import { env, getuid } from "node:process";
import { type Browser, chromium } from "playwright-core";
import { programOf } from "./machine.ts";
import { describeUnless } from "./shared.ts";

/** The browser's program; null where there is none. */
export const CHROMIUM: string | null = env["SVRFLOW_CHROMIUM"] ??
  programOf("chromium", "chromium-browser", "google-chrome");

/** A suite that needs a browser. */
export function describeInBrowser(name: string, body: () => void): void {
  describeUnless(CHROMIUM === null ? "needs Chromium, or SVRFLOW_CHROMIUM" : null, name, body);
}

/** Starts the browser. */
export function openBrowser(): Promise<Browser> {
  // Chromium's sandbox does not start as root, which tests in containers are.
  return chromium.launch({ executablePath: CHROMIUM!, args: getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
