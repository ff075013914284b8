import { isId } from "../kit/ids";

/** What the address of a comparison says: the two outputs. */
export interface CompareSearch {
  a?: string;
  b?: string;
  /** Next to each other, not one over the other. */
  view?: "side";
}

/** Take from an address what it may say; the rest is left out. */
export function compareSearchOf({ a, b, view }: Record<string, unknown>): CompareSearch {
  return {
    ...(isId(a) ? { a } : {}),
    ...(isId(b) ? { b } : {}),
    ...(view === "side" ? { view } : {}),
  };
}
