// Which outputs are selected. Pure: each action makes the next selection of the one before.

export interface Selection {
  ids: ReadonlySet<string>;
  /** From where a range begins: what was selected or left out last. */
  anchor: string | null;
}

export const NONE: Selection = { ids: new Set(), anchor: null };

/** More are not written into the address: servers and messengers cut longer ones. */
const MOST_IN_ADDRESS = 200;

/** Select one, or leave it out. */
export function toggled({ ids }: Selection, id: string): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id };
}

/** Select everything from the anchor up to one, in the order of the list; the anchor says whether to add or to take. */
export function ranged(selection: Selection, id: string, order: readonly string[]): Selection {
  const from = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
  const to = order.indexOf(id);
  if (from < 0 || to < 0 || selection.anchor === null) return toggled(selection, id);
  const next = new Set(selection.ids);
  const isAdded = next.has(selection.anchor);
  for (const one of order.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    if (isAdded) next.add(one);
    else next.delete(one);
  }
  return { ids: next, anchor: selection.anchor };
}

/** Select all of a list. */
export function all(order: readonly string[]): Selection {
  return { ids: new Set(order), anchor: order.at(-1) ?? null };
}

/** Leave some out. */
export function lessened({ ids, anchor }: Selection, gone: Iterable<string>): Selection {
  const next = new Set(ids);
  for (const id of gone) next.delete(id);
  return { ids: next, anchor };
}

/** Read a selection from the address. */
export function selectionOf(text: string | undefined): Selection {
  const ids = text?.split(".") ?? [];
  return { ids: new Set(ids), anchor: ids.at(-1) ?? null };
}

/** Write a selection for the address; undefined if it is empty or too long for one. */
export function written({ ids }: Selection): string | undefined {
  return ids.size === 0 || ids.size > MOST_IN_ADDRESS ? undefined : [...ids].join(".");
}

/** Return what comes next after one has gone from a list: what followed it, else what was before it. */
export function successor(before: readonly string[], id: string, order: readonly string[]): string | null {
  const there = new Set(order);
  const at = before.indexOf(id);
  const remains = (one: string) => there.has(one);
  return (
    before.slice(at + 1).find(remains) ??
    before.slice(0, Math.max(0, at)).findLast(remains) ??
    order[0] ??
    null
  );
}
