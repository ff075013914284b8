// What is known of one's jobs from the channel. Pure: each message makes the next state of the one before.
import type { LiveJob, Message, Preview } from "./messages";

export interface LiveState {
  /** Cursor of the last message; null before the first. */
  at: string | null;
  jobs: ReadonlyMap<string, LiveJob>;
  /** The latest of each running job, by the job's id. */
  previews: ReadonlyMap<string, Preview>;
}

export const NOTHING: LiveState = {
  at: null,
  jobs: new Map(),
  previews: new Map(),
};

/** Jobs that are kept after their end; open ones always are. */
const ENDED_KEPT = 100;

/** Return whether nothing more will happen to a job by itself. */
export function hasEnded(job: Pick<LiveJob, "status">): boolean {
  return job.status === "completed" || job.status === "failed";
}

/** Return the state after a message. */
export function next(state: LiveState, message: Message): LiveState {
  switch (message.type) {
    case "mine_subscribed": {
      const before = message.resync ? NOTHING : state;
      return message.jobs.reduce(withJob, { ...before, at: message.at });
    }
    case "my_job":
      return { ...withJob(state, message.job), at: message.at };
    case "my_job_preview":
      return withPreview({ ...state, at: message.at }, message);
  }
}

function withJob(state: LiveState, job: LiveJob): LiveState {
  const jobs = withoutOld(new Map(state.jobs).set(job.id, job));
  if (job.status === "processing") return { ...state, jobs };
  const previews = new Map(state.previews); // an attempt that begins anew counts its previews from one again
  previews.delete(job.id);
  return { ...state, jobs, previews };
}

function withoutOld(jobs: Map<string, LiveJob>): Map<string, LiveJob> {
  const ended = [...jobs.values()].filter(hasEnded);
  if (ended.length <= ENDED_KEPT) return jobs;
  ended.sort((one, other) => one.updated_at.localeCompare(other.updated_at));
  for (const job of ended.slice(0, -ENDED_KEPT)) jobs.delete(job.id);
  return jobs;
}

function withPreview(state: LiveState, preview: Preview): LiveState {
  const job = state.jobs.get(preview.job_id);
  const shown = state.previews.get(preview.job_id);
  const isOld = shown?.step_id === preview.step_id && shown.seq >= preview.seq;
  if ((job && hasEnded(job)) || isOld) return state;
  return {
    ...state,
    previews: new Map(state.previews).set(preview.job_id, preview),
  };
}

/** Return the ids of jobs that a message ended, or told for the first time after their end. */
export function endedBy(state: LiveState, message: Message): string[] {
  if (message.type === "my_job_preview") return [];
  const told = message.type === "my_job" ? [message.job] : message.jobs;
  return told
    .filter((job) => {
      const known = state.jobs.get(job.id);
      return hasEnded(job) && (!known || !hasEnded(known));
    })
    .map((job) => job.id);
}
