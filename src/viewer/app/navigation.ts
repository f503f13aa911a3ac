/** The state of the page, kept in the address: back, forward and links work by themselves. */

import { useCallback, useEffect, useState } from "preact/hooks";
import { type Address, formatAddress, parseAddress } from "./address.ts";

/** How a change is kept: as a step that one can go back from, or in place of the last. */
export type Change = (change: Partial<Address>, keep?: "step" | "replace") => void;

/** The present state, and how it is changed. */
export function useAddress(): readonly [Address, Change] {
  const [address, setAddress] = useState(() => parseAddress(location.hash));
  useEffect(() => {
    const follow = () => setAddress(parseAddress(location.hash));
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    return () => {
      removeEventListener("popstate", follow);
      removeEventListener("hashchange", follow);
    };
  }, []);
  const change = useCallback<Change>((changed, keep = "step") => {
    const next = { ...parseAddress(location.hash), ...changed };
    const url = formatAddress(next);
    if (keep === "step") history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    setAddress(next);
  }, []);
  return [address, change];
}
