import type { LiveJob } from "../live/messages";

const PREFIX = /^Collection Generation: /;

/** What people call a job: after the collection that it runs. */
export function titleOf(job: Pick<LiveJob, "name"> & Partial<Pick<LiveJob, "collection_title">>): string {
  return job.collection_title || job.name.replace(PREFIX, "") || "Untitled";
}
