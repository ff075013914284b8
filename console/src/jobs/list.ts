// A list of jobs, part by part, kept true by what the live channel tells. Pure.
import type { LiveJob } from "../live/messages";
import { startOf, type Wanted } from "./search";

/** A part of the list as the api gave it, and the cursor of what follows. */
export interface Part {
  jobs: LiveJob[];
  next: string | null;
}

/** Return the list with news in it: rows change, come and go. The same parts come back if nothing is new. */
export function withNews(parts: Part[], news: Iterable<LiveJob>, wanted: Wanted, now = Date.now()): Part[] {
  const latest = new Map<string, LiveJob>();
  for (const job of news) latest.set(job.id, job);
  const updated = parts.map((part) => updatedPart(part, latest, wanted));
  const arrived = wanted.q ? [] : [...latest.values()].filter((job) => belongs(job, wanted, now));
  return arrived.reduce(inserted, same(parts, updated) ? parts : updated);
}

function same(before: Part[], after: Part[]): boolean {
  return before.every((part, index) => part === after[index]);
}

/** Bring the rows of a part up to date, and take what was found in it out of `latest`. */
function updatedPart(part: Part, latest: Map<string, LiveJob>, wanted: Wanted): Part {
  let changed = false;
  const jobs = part.jobs.flatMap((job) => {
    const told = latest.get(job.id);
    latest.delete(job.id);
    if (!told || told === job || told.updated_at < job.updated_at) return [job];
    changed = true;
    return wanted.status && told.status !== wanted.status ? [] : [told];
  });
  return changed ? { ...part, jobs } : part;
}

function belongs(job: LiveJob, wanted: Wanted, now: number): boolean {
  if (wanted.status && job.status !== wanted.status) return false;
  if (wanted.collection && job.collection_id !== wanted.collection) return false;
  return !wanted.period || job.created_at >= startOf(wanted.period, now);
}

/** Put a job where it belongs by its time, unless that part is not loaded yet. */
function inserted(parts: Part[], job: LiveJob): Part[] {
  const at = parts.findIndex(({ jobs, next }) => {
    const last = jobs.at(-1);
    return next === null || (last !== undefined && last.created_at <= job.created_at);
  });
  const part = parts[at];
  if (!part) return parts;
  const before = part.jobs.filter((one) => one.created_at > job.created_at);
  const jobs = [...before, job, ...part.jobs.slice(before.length)];
  return parts.with(at, { ...part, jobs });
}
