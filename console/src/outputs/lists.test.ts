import { describe, expect, it } from "vitest";
import type { LibraryItem } from "../api/types";
import { itemsOf, type ListPart, type Loaded, patched, withBack, without, withTop } from "./lists";

/** The output of a second: later ones come first in lists. */
function item(second: number): LibraryItem {
  const created_at = new Date(second * 1000).toISOString();
  return { id: `id-${String(second).padStart(3, "0")}`, created_at, starred: false } as LibraryItem;
}

function part(seconds: number[], next_cursor: string | null = "more", total = 10): ListPart {
  return { data: seconds.map(item), next_cursor, total, total_is_exact: true };
}

const loaded: Loaded = { pages: [part([9, 8, 7]), part([6, 5, 4], null)], pageParams: [null, "more"] };
const seconds = (list: Loaded) => itemsOf(list).map((one) => Date.parse(one.created_at) / 1000);
const ids = (...wanted: number[]) => new Set(wanted.map((second) => item(second).id));

describe("a list that is partly loaded", () => {
  it("takes in what is new at its top, and loses what is gone there", () => {
    const now = withTop(loaded, part([11, 10, 9, 7], "more", 12), true);
    expect(seconds(now)).toEqual([11, 10, 9, 7, 6, 5, 4]);
    expect(now.pages[0]?.total).toBe(12);
    expect(now.pageParams).toEqual(loaded.pageParams);
  });

  it("begins again where the new top does not reach what was loaded", () => {
    expect(seconds(withTop(loaded, part([30, 29, 28]), true))).toEqual([30, 29, 28]);
    expect(seconds(withTop(loaded, part([9], null, 1), true))).toEqual([9]);
  });

  it("loses outputs, and has them back in their places", () => {
    const fewer = without(loaded, ids(8, 4));
    expect(seconds(fewer)).toEqual([9, 7, 6, 5]);
    expect(fewer.pages[0]?.total).toBe(8);
    const whole = withBack(fewer, [item(4), item(8)], true);
    expect(seconds(whole)).toEqual([9, 8, 7, 6, 5, 4]);
    expect(whole.pages[0]?.total).toBe(10);
    expect(seconds(withBack(whole, [item(8)], true))).toEqual([9, 8, 7, 6, 5, 4]);
  });

  it("puts them back in lists that begin with the oldest", () => {
    const oldest: Loaded = { pages: [part([4, 6]), part([7, 9])], pageParams: [null, "more"] };
    expect(seconds(withBack(oldest, [item(5), item(10)], false))).toEqual([4, 5, 6, 7, 9, 10]);
  });

  it("changes outputs where they are", () => {
    const now = patched(loaded, ids(5), (one) => ({ ...one, starred: true }));
    expect(itemsOf(now).filter((one) => one.starred)).toEqual([{ ...item(5), starred: true }]);
    expect(now.pages[0]).toBe(loaded.pages[0]);
  });
});
