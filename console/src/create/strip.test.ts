import { expect, it } from "vitest";
import type { ListedJob } from "../api/types";
import type { LiveJob } from "../live/messages";
import { entriesOf } from "./strip";

const job = (id: string, status: LiveJob["status"], created_at: string, updated_at: string) =>
  ({ id, status, created_at, updated_at }) as LiveJob & ListedJob;

it("puts both together, the newest first, and believes what is newer", () => {
  const entries = entriesOf(
    [job("new", "pending", "2026-01-03", ""), job("a", "completed", "2026-01-01", "2026-01-05")],
    [
      job("b", "failed", "2026-01-02", "2026-01-02"),
      job("a", "processing", "2026-01-01", "2026-01-04"),
      job("new", "processing", "2026-01-03", "2026-01-03"),
    ],
  );
  expect(entries.map((entry) => [entry.id, entry.status])).toEqual([
    ["new", "processing"],
    ["b", "failed"],
    ["a", "completed"],
  ]);
});
