import { expect, it } from "vitest";
import { isFiltered, queryOf } from "./filters";

it("includes both days of a range", () => {
  const { since, until } = queryOf({ since: "2026-05-01", until: "2026-05-01" });
  expect(Date.parse(until ?? "") - Date.parse(since ?? "")).toBe(24 * 3600 * 1000);
});

it("names filters as the api does", () => {
  const filters = { q: "fox", type: "video", deck: "d", collection: "c", sort: "oldest" } as const;
  expect(queryOf(filters)).toEqual({
    q: "fox",
    media_type: "video",
    deck_id: "d",
    collection_id: "c",
    sort: "oldest",
  });
});

it("does not count the order as a filter", () => {
  expect(isFiltered({ sort: "oldest" })).toBe(false);
  expect(isFiltered({ starred: true })).toBe(true);
});
