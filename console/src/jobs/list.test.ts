import { describe, expect, it } from "vitest";
import type { LiveJob } from "../live/messages";
import { type Part, withNews } from "./list";

function job(id: string, minute: number, status: LiveJob["status"] = "completed", second = 0): LiveJob {
  const at = (seconds: number) =>
    `2026-05-10T12:${String(minute).padStart(2, "0")}:${String(seconds).padStart(2, "0")}.000000Z`;
  return { id, status, created_at: at(0), updated_at: at(second), collection_id: "c" } as LiveJob;
}

const ids = (parts: Part[]) => parts.map((part) => part.jobs.map((one) => one.id).join(" "));
const parts: Part[] = [
  { jobs: [job("d", 40), job("c", 30)], next: "x" },
  { jobs: [job("b", 20), job("a", 10)], next: "y" },
];

describe("a list with news", () => {
  it("is the same where nothing is new", () => {
    expect(
      withNews(
        parts,
        parts.flatMap((part) => part.jobs),
        {},
      ),
    ).toBe(parts);
  });

  it("changes rows, but never back", () => {
    const failed = withNews(parts, [job("a", 10, "failed", 5)], {});
    expect(failed[1]?.jobs[1]?.status).toBe("failed");
    expect(withNews(failed, [job("a", 10, "processing", 4)], {})).toBe(failed);
  });

  it("puts new jobs where they belong, unless that part is not loaded", () => {
    expect(ids(withNews(parts, [job("e", 50), job("n", 25)], {}))).toEqual(["e d c", "n b a"]);
    expect(withNews(parts, [job("z", 5)], {})).toBe(parts);
    expect(ids(withNews([{ jobs: [], next: null }], [job("z", 5)], {}))).toEqual(["z"]);
  });

  it("takes away what no longer belongs, and adds what now does", () => {
    const failed: Part[] = [{ jobs: [job("f", 10, "failed", 1)], next: null }];
    expect(ids(withNews(failed, [job("f", 10, "pending", 2)], { status: "failed" }))).toEqual([""]);
    expect(ids(withNews(failed, [job("g", 11, "failed", 2)], { status: "failed" }))).toEqual(["g f"]);
    expect(ids(withNews(failed, [job("g", 11)], { status: "failed" }))).toEqual(["f"]);
    expect(ids(withNews(failed, [job("g", 11)], { collection: "other" }))).toEqual(["f"]);
  });

  it("adds nothing to what was found by words", () => {
    expect(withNews(parts, [job("e", 50)], { q: "fox" })).toBe(parts);
  });

  it("keeps to the period", () => {
    const now = Date.parse("2026-05-10T13:20:00Z");
    expect(withNews(parts, [job("n", 15)], { period: "hour" }, now)).toBe(parts);
    expect(ids(withNews(parts, [job("n", 25)], { period: "hour" }, now))[1]).toBe("n b a");
  });
});
