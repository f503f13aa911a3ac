/** How large an element is, and how large its letters are. */

import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Pixels of the page's letters on a screen of 1280 pixels. */
const LETTERS = 14;

/** The size of an element. */
export interface Size {
  /** In pixels of the page. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the screen in one of the page. */
  readonly ratio: number;
  /** The page's letters in shares of those on a narrow screen: marks and texts of a picture grow with them. */
  readonly unit: number;
}

/** The size of an element's content, followed while it changes. */
export function useSize(of: RefObject<HTMLElement | null>, width: number, height: number): Size {
  const [size, setSize] = useState<Size>({ width, height, ratio: 1, unit: 1 });
  useEffect(() => {
    const element = of.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const { paddingLeft, paddingRight } = getComputedStyle(element);
      setSize({
        width: Math.max(
          1,
          element.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight),
        ),
        height: Math.max(1, element.clientHeight),
        ratio: devicePixelRatio,
        unit: Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / LETTERS,
      });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
