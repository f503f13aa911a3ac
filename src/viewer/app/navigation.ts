/** The state of the page, kept in the address: back, forward and links work by themselves. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Address, formatAddress, parseAddress } from "./address.ts";

/** How a change is kept: as a step that one can go back from, or in place of the last. */
export type Change = (change: Partial<Address>, keep?: "step" | "replace") => void;

/** Milliseconds after which a slider's place is in the address: browsers refuse to write it a hundred times a second. */
const SETTLED = 150;

/** The present state, and how it is changed. */
export function useAddress(): readonly [Address, Change] {
  const [address, setAddress] = useState(() => parseAddress(location.hash));
  const present = useRef(address);
  const waiting = useRef<ReturnType<typeof setTimeout> | null>(null);
  /** Writes what waits to be written. */
  const settle = () => {
    if (waiting.current === null) return;
    clearTimeout(waiting.current);
    waiting.current = null;
    history.replaceState(null, "", formatAddress(present.current));
  };
  useEffect(() => {
    const follow = () => {
      if (waiting.current !== null) clearTimeout(waiting.current);
      waiting.current = null;
      present.current = parseAddress(location.hash);
      setAddress(present.current);
    };
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    return () => {
      removeEventListener("popstate", follow);
      removeEventListener("hashchange", follow);
    };
  }, []);
  const change = useCallback<Change>((changed, keep = "step") => {
    if (keep === "step") settle();
    const before = formatAddress(present.current);
    present.current = { ...present.current, ...changed };
    // What changes nothing is no step: else one would go back and see the same.
    if (formatAddress(present.current) === before) return;
    setAddress(present.current);
    if (keep === "step") history.pushState(null, "", formatAddress(present.current));
    else waiting.current ??= setTimeout(settle, SETTLED);
  }, []);
  return [address, change];
}
