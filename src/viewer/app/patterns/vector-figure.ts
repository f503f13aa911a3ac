/** One vector of a neuron: a picture, kernels, tokens or bars, and the shares of attention heads. */

import { h } from "preact";
import type {
  HeadShare,
  PatternForm,
  TokenEntry,
  VectorPattern,
} from "../../../model/patterns/neuron-patterns.ts";
import { percent } from "../../label.ts";
import { figure } from "../numbers.ts";
import { ColourPicture, KernelPicture } from "./kernel-picture.ts";

/** A vector under its title. */
export function VectorFigure(
  { title, pattern }: { readonly title: string; readonly pattern: VectorPattern },
) {
  const { channels, first, shown, heads } = pattern;
  return h(
    "figure",
    { class: "pattern", "aria-label": title },
    h(
      "figcaption",
      null,
      title,
      h("span", { class: "quiet" }, ` ${channelsText(channels, first)}${lead(shown, channels)}`),
    ),
    form(shown, title),
    heads.length === 0 ? null : h(Heads, { heads, title }),
  );
}

function channelsText(channels: number, first: number): string {
  return first === 0
    ? `${channels} channels`
    : `channels ${first} to ${first + channels - 1}, those of its group`;
}

function lead(shown: PatternForm, channels: number): string {
  switch (shown.form) {
    case "image":
      return channels === 3 ? ": together as red, green and blue, and each alone" : "";
    case "taps":
      return `, the strongest ${shown.strongest.length}, each with its share of the energy`;
    case "tokens":
      return ", tokens as the tokenizer writes them";
    case "channels":
      return `, the strongest ${shown.strongest.length}`;
  }
}

function form(shown: PatternForm, title: string) {
  switch (shown.form) {
    case "image": {
      const { rows, columns, values } = shown;
      const most = largest(values);
      const positions = rows * columns;
      const channels = values.length / positions;
      return h(
        "div",
        { class: "kernels" },
        channels === 3
          ? h(ColourPicture, {
            rows,
            columns,
            values,
            most,
            label: `${title}, channels 0, 1 and 2 as red, green and blue`,
          })
          : null,
        Array.from({ length: channels }, (_, channel) =>
          h(KernelPicture, {
            key: channel,
            rows,
            columns,
            values: values.slice(channel * positions, (channel + 1) * positions),
            most,
            label: `channel ${channel}`,
            side: 128,
          })),
      );
    }
    case "taps": {
      const { rows, columns, strongest } = shown;
      const most = largest(strongest.flatMap(({ values }) => values));
      return h(
        "div",
        { class: "kernels" },
        strongest.map(({ channel, share, values }) =>
          h(
            "div",
            { key: channel },
            h(KernelPicture, { rows, columns, values, most, label: `channel ${channel}` }),
            h("span", { class: "quiet" }, `${channel}: ${percent(share)} %`),
          )
        ),
      );
    }
    case "tokens":
      return h(
        "div",
        null,
        h(Bars, { title: "largest", of: "token", entries: shown.largest.map(named) }),
        h(Bars, { title: "least", of: "token", entries: shown.least.map(named) }),
      );
    case "channels":
      return h(Bars, {
        title: "strongest channels",
        of: "channel",
        entries: shown.strongest.map(({ channel, value }) => ({ name: String(channel), value })),
      });
  }
}

/** Tokens are texts from a file of somebody else: never anything but text. */
const named = ({ channel, token, value }: TokenEntry) => ({
  name: token === null ? `no token ${channel}` : JSON.stringify(token),
  value,
});

const largest = (values: readonly number[]) =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Entries as bars in a table: what the eye sees is there to be read. */
function Bars({ title, of, entries }: {
  readonly title: string;
  readonly of: string;
  readonly entries: readonly { readonly name: string; readonly value: number }[];
}) {
  const most = largest(entries.map(({ value }) => value));
  return h(
    "table",
    { class: "bars" },
    h("caption", { class: "quiet" }, title),
    h(
      "thead",
      { class: "unseen" },
      h("tr", null, [of, "value", "bar"].map((each) => h("th", { key: each, scope: "col" }, each))),
    ),
    h(
      "tbody",
      null,
      entries.map(({ name, value }) =>
        h(
          "tr",
          { key: name },
          h("td", { class: "name" }, h("bdi", null, name)),
          h("td", { class: "number" }, figure(value)),
          h(
            "td",
            null,
            h(
              "svg",
              { class: "bar", viewBox: "-1 0 2 1", preserveAspectRatio: "none", "aria-hidden": "true" },
              h("rect", {
                class: value < 0 ? "negative" : "positive",
                x: Math.min(0, value / (most || 1)),
                width: Math.abs(value) / (most || 1),
                height: 1,
              }),
            ),
          ),
        )
      ),
    ),
  );
}

function Heads({ heads, title }: { readonly heads: readonly HeadShare[]; readonly title: string }) {
  return h(
    "table",
    { class: "bars" },
    h("caption", { class: "quiet" }, `${title}: share of the energy by attention head`),
    h(
      "thead",
      { class: "unseen" },
      h("tr", null, ["head", "share", "bar"].map((each) => h("th", { key: each, scope: "col" }, each))),
    ),
    h(
      "tbody",
      null,
      heads.map(({ heads, share }) =>
        h(
          "tr",
          { key: heads.join() },
          h("td", null, `${heads.length === 1 ? "head" : "heads"} ${heads.join(", ")}`),
          h("td", { class: "number" }, `${percent(share)} %`),
          h(
            "td",
            null,
            h(
              "svg",
              { class: "bar", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
              h("rect", { class: "positive", width: share, height: 1 }),
            ),
          ),
        )
      ),
    ),
  );
}
