import { describe, expect, it } from "vitest";
import type { LiveJob, Message } from "./messages";
import { endedBy, NOTHING, next } from "./state";

function job(id: string, status: LiveJob["status"], second = 0, progress = 0): LiveJob {
  const updated_at = `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000Z`;
  return { id, status, progress, updated_at } as LiveJob;
}

function told(...messages: Message[]) {
  return messages.reduce(next, NOTHING);
}

const changed = (one: LiveJob): Message => ({
  type: "my_job",
  at: one.updated_at,
  job: one,
});
const preview = (job_id: string, seq: number): Message => ({
  type: "my_job_preview",
  at: "1",
  job_id,
  step_id: "s",
  seq,
  mime_type: "image/png",
  url: `/${seq}`,
});

describe("what is known of one's jobs", () => {
  it("is as the last message of a job told it", () => {
    const state = told(changed(job("a", "processing", 5, 60)), changed(job("a", "pending", 5, 0)));
    expect(state.jobs.get("a")?.status).toBe("pending");
  });

  it("shows the latest preview, and none after the end", () => {
    const running = told(changed(job("a", "processing", 1)), preview("a", 2), preview("a", 1));
    expect(running.previews.get("a")?.seq).toBe(2);
    const ended = next(next(running, changed(job("a", "completed", 2))), preview("a", 3));
    expect(ended.previews.size).toBe(0);
  });

  it("forgets everything when it has to begin again", () => {
    const before = told(changed(job("a", "pending", 1)));
    const state = next(before, {
      type: "mine_subscribed",
      at: "2",
      jobs: [job("b", "pending", 2)],
      resync: true,
      jobs_truncated: false,
    });
    expect([...state.jobs.keys()]).toEqual(["b"]);
  });

  it("keeps open jobs and the last hundred that ended", () => {
    const open = changed(job("open", "pending", 0));
    const ended = Array.from({ length: 130 }, (_, n) => changed(job(`e${n}`, "completed", n % 60)));
    const state = told(open, ...ended);
    expect(state.jobs.size).toBe(101);
    expect(state.jobs.has("open")).toBe(true);
  });

  it("says which jobs a message ended", () => {
    const state = told(changed(job("a", "processing", 1)));
    expect(endedBy(state, changed(job("a", "failed", 2)))).toEqual(["a"]);
    expect(endedBy(next(state, changed(job("a", "failed", 2))), changed(job("a", "failed", 2)))).toEqual([]);
  });
});
