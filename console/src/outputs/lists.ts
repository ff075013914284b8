// Lists of outputs as they are loaded, part by part, and what changes them without loading all of it again. Pure.
import type { InfiniteData } from "@tanstack/react-query";
import type { LibraryItem } from "../api/types";

/** A part of a list, as the api sends it. */
export interface ListPart {
  data: LibraryItem[];
  next_cursor: string | null;
  total: number | null;
  total_is_exact: boolean | null;
}

/** What is loaded of a list. */
export type Loaded = InfiniteData<ListPart>;

/** Return the loaded outputs in their order. */
export function itemsOf(loaded: Loaded | undefined): LibraryItem[] {
  return loaded?.pages.flatMap((part) => part.data) ?? [];
}

/** Put a first part that was loaded again in place of what it covers: new outputs come, and what left goes. */
export function withTop(loaded: Loaded, top: ListPart, newestFirst: boolean): Loaded {
  const [first, ...others] = loaded.pages;
  const last = top.data.at(-1);
  const fresh = new Set(top.data.map((item) => item.id));
  const overlaps = itemsOf(loaded).some((item) => fresh.has(item.id));
  if (!first || !last || top.next_cursor === null || !overlaps) return { pages: [top], pageParams: [null] };
  const remain = (item: LibraryItem) => !fresh.has(item.id) && comesAfter(item, last, newestFirst);
  return {
    ...loaded,
    pages: [
      {
        ...first,
        total: top.total,
        total_is_exact: top.total_is_exact,
        data: [...top.data, ...first.data.filter(remain)],
      },
      ...others.map((part) => ({ ...part, data: part.data.filter(remain) })),
    ],
  };
}

/** Leave outputs out. */
export function without(loaded: Loaded, ids: ReadonlySet<string>): Loaded {
  const gone = itemsOf(loaded).filter((item) => ids.has(item.id)).length;
  return counted(
    {
      ...loaded,
      pages: loaded.pages.map((part) => ({ ...part, data: part.data.filter((item) => !ids.has(item.id)) })),
    },
    -gone,
  );
}

/** Put outputs back where they were. */
export function withBack(loaded: Loaded, items: readonly LibraryItem[], newestFirst: boolean): Loaded {
  const there = new Set(itemsOf(loaded).map((item) => item.id));
  const back = items.filter((item) => !there.has(item.id));
  const pages = loaded.pages.map((part) => ({ ...part, data: [...part.data] }));
  for (const item of back) {
    const part =
      pages.find(({ data }) => data.some((one) => comesAfter(one, item, newestFirst))) ?? pages.at(-1);
    if (!part) continue;
    const at = part.data.findIndex((one) => comesAfter(one, item, newestFirst));
    part.data.splice(at < 0 ? part.data.length : at, 0, item);
  }
  return counted({ ...loaded, pages }, back.length);
}

/** Change outputs where they are. */
export function patched(
  loaded: Loaded,
  ids: ReadonlySet<string>,
  change: (item: LibraryItem) => LibraryItem,
): Loaded {
  return {
    ...loaded,
    pages: loaded.pages.map((part) =>
      part.data.some((item) => ids.has(item.id))
        ? { ...part, data: part.data.map((item) => (ids.has(item.id) ? change(item) : item)) }
        : part,
    ),
  };
}

function comesAfter(item: LibraryItem, other: LibraryItem, newestFirst: boolean): boolean {
  const later = Date.parse(item.created_at) - Date.parse(other.created_at) || (item.id < other.id ? -1 : 1);
  return newestFirst ? later < 0 : later > 0;
}

function counted(loaded: Loaded, more: number): Loaded {
  const [first, ...others] = loaded.pages;
  if (!first || first.total === null) return loaded;
  return { ...loaded, pages: [{ ...first, total: first.total + more }, ...others] };
}
