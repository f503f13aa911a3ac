/** Questions to the server that the page came from: answers come as lines of JSON, what is heard meanwhile before them. */

import { messageOf } from "../../model/errors.ts";

/** What the server says. */
type Said = { readonly progress: string } | { readonly failure: string } | object;

/** Who is told of what goes on, and how it can be stopped. */
export interface Waiting {
  readonly signal?: AbortSignal;
  readonly progress?: (doing: string) => void;
}

/**
 * Asks.
 *
 * @param what end of the address: `query`, `patterns` or `filter`
 * @param token given with the page
 * @throws {Error} with what the server says is wrong, or that it does not answer
 */
export async function askServer<T extends object>(
  what: string,
  token: string,
  question: object,
  { signal, progress = () => undefined }: Waiting = {},
): Promise<T> {
  let said: Said | null = null;
  try {
    const answer = await fetch(`api/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-svrflow-token": token },
      body: JSON.stringify(question),
      ...signal === undefined ? {} : { signal },
    });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      const lines = (text + value).split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        said = JSON.parse(line) as Said;
        if ("progress" in said) progress(said.progress);
      }
    }
    if (text !== "") said = JSON.parse(text) as Said;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Error(`svr view does not answer; it may have been stopped (${messageOf(cause)})`, { cause });
  }
  if (said === null || "progress" in said) {
    throw new Error("svr view does not answer; it may have been stopped");
  }
  if ("failure" in said) throw new Error(said.failure);
  return said as T;
}
