import { describe, expect, it } from "vitest";
import { DOMParser } from "linkedom";
import { htmlTable, markup, preformatted } from "../../src/report/html.ts";
import { reportHtml } from "../../src/report/report-html.ts";
import type { Picture } from "../../src/report/pictures.ts";
import { answerableReport, reportedSeries, reportFrame } from "../../src/report/run-report.ts";
import { modelReport } from "../../src/analysis/report.ts";
import { pValueMeaning } from "../../src/model/p-value.ts";
import { chainOf, connectionRow, layerRow, NO_MEASURES, TEST } from "../analysis/findings-facts.ts";
import { layerOf } from "../support/layer-fixture.ts";

/** The part of the DOM that these tests use. */
interface Part {
  readonly tagName: string;
  readonly textContent: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Part | null;
  querySelectorAll(selector: string): Iterable<Part> & { readonly length: number };
}

const documentOf = (text: string) => new DOMParser().parseFromString(text, "text/html") as unknown as Part;

/** Names that a page must show and not obey. */
const HOSTILE = `</pre><script>alert(1)</script><img src=x onerror="alert(1)"> & 'x' \u202e`;

function model(id: string) {
  return modelReport(
    { id, uri: `${id}.safetensors`, format: "safetensors", runId: "run-1" },
    {
      graph: {
        layers: [0, 1, 2].map((index) => ({ ...layerOf(index, 64, 64), name: HOSTILE })),
        connections: [],
        skipped: [],
        warnings: [HOSTILE],
      },
      rows: { models: 1, layers: 3, neurons: 192, connections: 2, edges: 3, skipped: 1 },
      layers: [0, 1, 2].map((index) => layerRow(index, { name: HOSTILE, near_kernels: 5 })),
      connections: [0, 1].map((at) => connectionRow(at, at + 1, { nominal: 400, max_overlap: 0.5 })),
      measures: { ...NO_MEASURES, chains: [chainOf(0, 2, -200)] },
      controls: [],
      skipped: [{ subject: "tensor", name: HOSTILE, reason: "a bias" }],
      approximations: [],
      strongest: [],
      hubs: [],
    },
    TEST,
    "m",
  );
}

async function page(
  ids: readonly string[],
  picture: Picture | null,
  series: string | null = null,
): Promise<string> {
  const models = ids.map((id, step) => ({
    ...answerableReport(model(id), { labelPrefix: "", tables: true }),
    series,
    step: series === null ? null : step,
  }));
  const failed = [{ id: HOSTILE, uri: "u", error: HOSTILE }];
  const frame = reportFrame("run-1", TEST, models, failed, [], await reportedSeries(() => models));
  let text = "";
  for await (const piece of reportHtml(frame, () => models, () => Promise.resolve(picture))) text += piece;
  return text;
}

describe("report.html", () => {
  it("shows names and obeys none: no script, no element that a name brings, nothing loaded", async () => {
    const text = await page([HOSTILE, "b"], null);
    const document = documentOf(text);
    expect(document.querySelectorAll("script, img, iframe, link, [onerror], [src], [href]")).toHaveLength(0);
    expect(document.querySelector("h2:nth-of-type(2)")!.textContent).toBe(
      HOSTILE.replace("\u202e", "\\u{202e}"),
    );
    expect(document.querySelector("meta[http-equiv]")!.getAttribute("content")).toContain(
      "default-src 'none'",
    );
    expect(text).not.toContain("\u202e");
    expect(document.querySelectorAll("pre").length).toBeGreaterThan(4);
  });

  it("answers at the top what the model is, what stands out, how sure that is and what is next", async () => {
    const document = documentOf(
      await page(["a"], { svg: "<svg xmlns='http://www.w3.org/2000/svg'><path/></svg>" }),
    );
    expect([...document.querySelectorAll("dt")].map(({ textContent }) => textContent)).toEqual([
      "What it is",
      "What stands out",
      "How sure",
      "What next",
    ]);
    const answers = [...document.querySelectorAll("dd")].map(({ textContent }) => textContent);
    expect(answers.length).toBeLessThanOrEqual(10);
    // 3 layers of 64 x 64 kernels of 3 x 3 with 64 neurons each.
    expect(answers[0]).toMatch(
      /^A model of 3 layers \(3 conv\) with 110592 weights and 192 spectral neurons/,
    );
    expect(answers[1]).toBe(
      "2 connections join its layers: all known from the names of its tensors or declared.",
    );
    expect(answers).toContain(
      "No null control was run: --null-control shows what chance gives in this very model.",
    );
    expect(document.querySelectorAll("svg")).toHaveLength(1);
    const order = [...document.querySelectorAll("dl, svg, h3, details")].map(({ tagName }) =>
      tagName.toLowerCase()
    );
    expect(order.slice(0, 4)).toEqual(["dl", "svg", "h3", "details"]);
  });

  it("says of a picture that cannot be drawn why", async () => {
    const text = await page(["a"], { failure: `layers: found <svg onload="alert(1)">` });
    expect(text).toContain("no picture: layers: found &lt;svg onload=&quot;alert(1)&quot;&gt;");
    expect(documentOf(text).querySelectorAll("svg")).toHaveLength(0);
  });

  it("says of a model of an earlier run which, and what its p-values mean where they mean something else", async () => {
    const models = [model("a"), { ...model("b"), run_id: "run-0", test: { ...TEST, null: "beta" } }]
      .map((each) => answerableReport(each, { labelPrefix: "", tables: true }));
    let text = "";
    const pictures = () => Promise.resolve(null);
    const frame = reportFrame("run-1", TEST, models, []);
    for await (const piece of reportHtml(frame, () => models, pictures)) text += piece;
    const said = [...documentOf(text).querySelectorAll("h2 + p, h2 + p + p")].map((each) => each.textContent);
    expect(said.slice(0, 2)).toEqual(["Of run run-0.", pValueMeaning("beta").long]);
  });

  it("has the checkpoints of a series in one table, and each of them folded away", async () => {
    const ids = ["epoch-1", "epoch-2", "epoch-3"];
    const document = documentOf(await page(ids, null, `series ${HOSTILE}`));
    const headings = [...document.querySelectorAll("h2")].map(({ textContent }) => textContent);
    expect(headings[0]).toBe(`Series series ${HOSTILE}`.replace("\u202e", "\\u{202e}"));
    expect(headings).not.toContain("Models side by side");
    const rows = [...document.querySelector("table")!.querySelectorAll("tr")].map((row) =>
      [...row.querySelectorAll("th, td")].slice(0, 2).map(({ textContent }) => textContent)
    );
    expect(rows).toEqual([["step", "model"], ["0", "epoch-1"], ["1", "epoch-2"], ["2", "epoch-3"]]);
    const folded = [...document.querySelectorAll("details > summary")].map(({ textContent }) => textContent);
    expect(folded.filter((title) => ids.includes(title))).toEqual(ids);
  });

  it("has queries and tables folded away", async () => {
    const document = documentOf(await page(["a"], null));
    expect(document.querySelectorAll("pre")).toHaveLength(document.querySelectorAll("details pre").length);
    expect(document.querySelectorAll("details[open]")).toHaveLength(0);
  });
});

describe("markup by templates", () => {
  it("escapes texts, and lets markup through", () => {
    expect(markup`<p title="${'"'}">${"a < b & c"}${[markup`<b>${1}</b>`]}</p>`.text)
      .toBe('<p title="&quot;">a &lt; b &amp; c<b>1</b></p>');
    expect(preformatted("a\n<b>").text).toBe("<pre>a\n&lt;b&gt;</pre>");
    expect(htmlTable({ header: ["<"], numeric: [true], rows: [["1"]] }).text)
      .toContain('<th class="number">&lt;</th>');
  });
});
