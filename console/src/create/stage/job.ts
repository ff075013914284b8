// A job from two sources. Pure.
import type { Job } from "../../api/types";
import type { LiveJob } from "../../live/messages";

/** What the stage shows of a job. */
export type Staged = Pick<
  LiveJob,
  "id" | "status" | "progress" | "error_message" | "output_ids" | "retry_count" | "updated_at"
>;

/** The newer of what the channel told and what was read; undefined if neither is there yet. */
export function newer(live: LiveJob | undefined, read: Job | undefined): Staged | undefined {
  if (!live || !read) return live ?? read;
  return read.updated_at > live.updated_at ? read : live;
}

/** How far each try of a job was seen to be. */
export interface Seen {
  retry: number;
  percent: number;
}

/** How far a job is: never less than was seen of the same try. */
export function steadily(seen: Seen, job: Pick<Staged, "progress" | "retry_count">): Seen {
  const percent = job.progress ?? 0;
  return seen.retry === job.retry_count
    ? { retry: seen.retry, percent: Math.max(seen.percent, percent) }
    : { retry: job.retry_count, percent };
}
