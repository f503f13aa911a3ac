/** Colours of the page's theme, as the style sheet names them. */

import { useEffect, useState } from "preact/hooks";

/** Names of the colours, each a custom property of the style sheet. */
const NAMES = ["paper", "ink", "quiet", "grid", "band", "chain", "mark", "weak", "strong"] as const;

/** The colours of an element, read once for a drawing. */
export type Theme = Readonly<Record<typeof NAMES[number], string>>;

/** The colours that hold for an element now. */
export function themeOf(element: Element): Theme {
  const styles = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, styles.getPropertyValue(`--${name}`)])) as Theme;
}

/** Whether the page is dark now: a canvas is drawn anew when that changes. */
export function useDark(): boolean {
  const [isDark, setDark] = useState(false);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(scheme.matches);
    follow();
    scheme.addEventListener("change", follow);
    return () => scheme.removeEventListener("change", follow);
  }, []);
  return isDark;
}
