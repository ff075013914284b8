// The jobs of a collection as the strip shows them: those that were listed, and those that the channel tells of. Pure.
import type { ListedJob } from "../api/types";
import type { LiveJob } from "../live/messages";

/** What the strip shows of a job. */
export type Entry = Pick<
  LiveJob,
  "id" | "status" | "progress" | "created_at" | "updated_at" | "thumbnail_url" | "mime_type" | "output_ids"
>;

const MOST = 60;

/** Put both together, the newest job first. Where both have a job, the newer state counts. */
export function entriesOf(live: readonly LiveJob[], listed: readonly ListedJob[]): Entry[] {
  const entries = new Map<string, Entry>(listed.map((job) => [job.id, job]));
  for (const job of live) {
    const known = entries.get(job.id);
    if (!known || known.updated_at <= job.updated_at) entries.set(job.id, job);
  }
  return [...entries.values()]
    .sort((one, other) => other.created_at.localeCompare(one.created_at))
    .slice(0, MOST);
}
