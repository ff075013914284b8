import { describe, expect, it } from "vitest";
import { idsOf, jobsSearch, MOST_SELECTED, startOf, wantedOf } from "./search";

const ID = "01a22b20-c7b4-7384-9ce5-eabb89909630";

describe("the address of the list of jobs", () => {
  it("keeps what makes sense", () => {
    const search = { status: "failed", collection: ID, period: "day", q: "red fox", selected: ID };
    expect(jobsSearch(search)).toEqual(search);
  });

  it("leaves out what makes none", () => {
    expect(
      jobsSearch({ status: "done", collection: "x", period: 5, q: "  ", selected: "a.b", more: 1 }),
    ).toEqual({});
    expect(jobsSearch({ q: 42 })).toEqual({ q: "42" });
  });

  it("keeps each selected job once, and not too many", () => {
    expect(idsOf(`${ID}.${ID}.nonsense`)).toEqual([ID]);
    const many = Array.from({ length: 300 }, (_, n) => ID.slice(0, -3) + String(n).padStart(3, "0"));
    expect(idsOf(many.join("."))).toHaveLength(MOST_SELECTED);
  });

  it("narrows by what is not the selection", () => {
    expect(wantedOf({ status: "failed", selected: ID })).toEqual({ status: "failed" });
    expect(startOf("hour", Date.parse("2026-05-10T12:00:00Z"))).toBe("2026-05-10T11:00:00.000Z");
  });
});
