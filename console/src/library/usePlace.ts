import { type RefObject, useLayoutEffect, useState } from "react";

/** Where something is on the page, in pixels. */
interface Place {
  width: number;
  top: number;
}

let last: Place = { width: 0, top: 0 };

/** The width of an element and its distance from the top of the page, kept true. It begins with what was true of the
 *  last one, so that a page one comes back to is as high at once as it was. */
export function usePlace(element: RefObject<HTMLElement | null>): Place {
  const [place, setPlace] = useState(last);
  useLayoutEffect(() => {
    const found = element.current;
    if (!found) return;
    const measure = () => {
      const { width, top } = found.getBoundingClientRect();
      const now = { width: Math.floor(width), top: Math.round(top + window.scrollY) };
      if (now.width === last.width && now.top === last.top) return;
      last = now;
      setPlace(now);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(found);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [element]);
  return place;
}
