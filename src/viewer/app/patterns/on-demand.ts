/** What is computed when somebody wants to see it: with what is being done, and a way to stop it. */

import { type ComponentChildren, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../../model/errors.ts";
import type { Waiting } from "../asking.ts";

type State<T> =
  | { readonly doing: string }
  | { readonly failure: string }
  | { readonly answer: T }
  | "stopped";

/** Computes as soon as it is shown, and anew for another key. */
export interface OnDemandProps<T> {
  /** Names what is asked for. */
  readonly of: string;
  readonly ask: (waiting: Waiting) => Promise<T>;
  readonly show: (answer: T) => ComponentChildren;
}

/** Shows an answer when it is there, before that what is being done. */
export function OnDemand<T>({ of, ask, show }: OnDemandProps<T>) {
  const [{ key, state }, setKeyed] = useState<{ readonly key: string; readonly state: State<T> }>({
    key: of,
    state: { doing: "Asking" },
  });
  const [attempt, setAttempt] = useState(0);
  const [stop, setStop] = useState<AbortController | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    setStop(controller);
    const setState = (next: State<T>) => setKeyed({ key: of, state: next });
    setState({ doing: "Asking" });
    const set = (next: State<T>) => signal.aborted || setState(next);
    ask({ signal, progress: (doing) => set({ doing }) }).then(
      (answer) => set({ answer }),
      (failure: unknown) => set({ failure: messageOf(failure) }),
    );
    return () => controller.abort();
  }, [of, attempt]);
  // The answer to the question before is no answer to this one.
  if (key !== of) return h("p", { role: "status" }, "Asking …");
  if (state === "stopped") {
    return h(
      "p",
      null,
      "Stopped. ",
      h("button", { type: "button", onClick: () => setAttempt(attempt + 1) }, "Go on"),
    );
  }
  if ("failure" in state) return h("p", { role: "alert", class: "failure" }, state.failure);
  if ("answer" in state) return h("div", null, show(state.answer));
  return h(
    "p",
    { role: "status" },
    `${state.doing} … `,
    h(
      "button",
      {
        type: "button",
        onClick: () => {
          stop?.abort(new Error("stopped"));
          setKeyed({ key: of, state: "stopped" });
        },
      },
      "Stop",
    ),
  );
}
