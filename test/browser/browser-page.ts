/** A page in a real browser: what is opened there, what it complains of, and what leaves the machine. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { openBrowser } from "../support/browser.ts";

/** Opens addresses one after another; after each test nothing may have been complained of. */
export interface BrowserPage {
  /** The page that was opened last. */
  readonly page: Page;
  /** Errors of the page and its console, and requests to other machines. */
  complaints: string[];
  /** Opens an address, and waits until the page has its model. */
  open(address: string): Promise<Page>;
  close(): Promise<void>;
}

/** A browser for the tests of a suite. */
export function browserPage(): BrowserPage {
  let browser: Browser;
  let context: BrowserContext | undefined;
  let page: Page;
  const opened: BrowserPage = {
    complaints: [],
    get page() {
      return page;
    },
    async open(address) {
      context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      page = await context.newPage();
      page.on("console", (message) => message.type() === "error" && opened.complaints.push(message.text()));
      page.on("pageerror", (failure) => opened.complaints.push(failure.message));
      page.on("request", (request) => {
        if (!/^(http:\/\/127\.0\.0\.1:|blob:|data:)/.test(request.url())) {
          opened.complaints.push(request.url());
        }
      });
      await page.goto(address);
      await page.locator("main").waitFor();
      await page.getByText(/^(Reading|Opening|Choosing)/).first().waitFor({ state: "detached" });
      return page;
    },
    async close() {
      await context?.close();
    },
  };
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    await opened.close();
    const { complaints } = opened;
    opened.complaints = [];
    expect(complaints).toEqual([]);
  });
  return opened;
}

/** What stands behind `#` for a model. */
export const hashOf = (model: string, more = "") => `#${new URLSearchParams({ model }).toString()}${more}`;

/** The id of the model of a run whose id has a part. */
export async function idWith(out: string, part: string): Promise<string> {
  const { models } = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as {
    models: { id: string }[];
  };
  return models.find(({ id }) => id.includes(part))!.id;
}
