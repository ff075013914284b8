// What the library's address says: filters, the output that is open, and those that are selected. Pure.
import { isId } from "../kit/ids";
import type { Filters } from "../outputs/filters";

/** All that is in the address. */
export interface Search extends Filters {
  /** The output that is shown in full. */
  open?: string;
  /** Ids of selected outputs, joined by dots. */
  ids?: string;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const MAX_TEXT = 200;
const MAX_TAG = 40;
const MAX_TAGS = 5;

/** Take from an address what it may say; the rest is left out. */
export function searchOf(raw: Record<string, unknown>): Search {
  const is =
    (...values: unknown[]) =>
    (value: unknown) =>
      values.includes(value);
  const known: [keyof Search, (value: unknown) => boolean][] = [
    ["type", is("image", "video", "audio", "text")],
    ["status", is("completed", "processing", "pending", "failed")],
    ["collection", isId],
    ["deck", isId],
    ["since", isDay],
    ["until", isDay],
    ["starred", is(true)],
    ["hidden", is(true)],
    ["sort", is("oldest")],
    ["open", isId],
  ];
  const found: Record<string, unknown> = {};
  for (const [name, isKnown] of known) if (isKnown(raw[name])) found[name] = raw[name];
  const [q] = textsOf(raw.q);
  const tag = textsOf(raw.tag)
    .filter((one) => one.length <= MAX_TAG)
    .slice(0, MAX_TAGS);
  const ids = typeof raw.ids === "string" ? raw.ids.split(".").filter(isId) : [];
  if (q) found.q = q;
  if (tag.length > 0) found.tag = tag;
  if (ids.length > 0) found.ids = ids.join(".");
  if (found.hidden) delete found.status; // of hidden ones there is no other state
  return found;
}

function isDay(value: unknown): boolean {
  return typeof value === "string" && DAY.test(value) && !Number.isNaN(Date.parse(value));
}

/** Words that are written as one, as a number, or as a list of them. */
function textsOf(raw: unknown): string[] {
  const list = Array.isArray(raw) ? raw : [raw];
  return list.filter((one) => one || one === 0).map((one) => String(one).slice(0, MAX_TEXT));
}

/** Return the filters alone, as a list is known by them. */
export function filtersOf({ open: _open, ids: _ids, ...filters }: Search): Filters {
  return filters;
}
