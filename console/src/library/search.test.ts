import { describe, expect, it } from "vitest";
import { filtersOf, searchOf } from "./search";

const ID = "0192f3a4-0000-7000-8000-000000000031";

describe("the library's address", () => {
  it("keeps what it may say", () => {
    const search = {
      q: "red fox",
      type: "video",
      status: "failed",
      collection: ID,
      tag: ["sea", "fog"],
      since: "2026-05-01",
      starred: true,
      sort: "oldest",
      open: ID,
      ids: `${ID}.${ID}`,
    };
    expect(searchOf(search)).toEqual(search);
  });

  it("leaves out what means nothing", () => {
    expect(
      searchOf({
        q: "",
        type: "gif",
        status: 3,
        collection: "art",
        tag: "",
        since: "2026-99-99",
        open: "<b>",
        ids: "x.y",
        unknown: 1,
      }),
    ).toEqual({});
  });

  it("reads a number as words, and one tag as a list", () => {
    expect(searchOf({ q: 2026, tag: "sea" })).toEqual({ q: "2026", tag: ["sea"] });
  });

  it("knows no status of hidden outputs", () => {
    expect(searchOf({ hidden: true, status: "failed" })).toEqual({ hidden: true });
  });
});

describe("filters", () => {
  it("are what the address says without what is open and selected", () => {
    expect(filtersOf({ q: "fox", open: ID, ids: ID })).toEqual({ q: "fox" });
  });
});
