import { expect, it } from "vitest";
import type { Job } from "../../api/types";
import type { LiveJob } from "../../live/messages";
import { newer, steadily } from "./job";

it("takes the newer of both", () => {
  const live = { id: "1", updated_at: "2026-01-02" } as LiveJob;
  const read = { id: "1", updated_at: "2026-01-03" } as Job;
  expect(newer(live, read)).toBe(read);
  expect(newer({ ...live, updated_at: "2026-01-03" }, read)).toMatchObject({ updated_at: "2026-01-03" });
  expect(newer(undefined, read)).toBe(read);
  expect(newer(live, undefined)).toBe(live);
  expect(newer(undefined, undefined)).toBeUndefined();
});

it("never falls within a try, and begins anew with the next", () => {
  const seen = steadily({ retry: 0, percent: 40 }, { progress: 30, retry_count: 0 });
  expect(seen.percent).toBe(40);
  expect(steadily(seen, { progress: null, retry_count: 1 })).toEqual({ retry: 1, percent: 0 });
});
