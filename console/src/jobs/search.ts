// What the address of the list of jobs says.
import { isId } from "../kit/ids";

export const STATUSES = ["pending", "processing", "completed", "failed"] as const;
export type Status = (typeof STATUSES)[number];

export const PERIODS = ["hour", "day", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** What the list is narrowed to, and which of its jobs are selected. */
export interface JobsSearch {
  status?: Status;
  collection?: string;
  period?: Period;
  q?: string;
  /** Ids with dots between them. */
  selected?: string;
}

/** Most jobs that can be selected: their ids are in the address. */
export const MOST_SELECTED = 200;

const SECONDS: Record<Period, number> = { hour: 3600, day: 86_400, week: 604_800, month: 2_592_000 };
const LONGEST_TEXT = 200;

/** Read the address; what makes no sense is left out. */
export function jobsSearch(raw: Record<string, unknown>): JobsSearch {
  const search: JobsSearch = {};
  const status = STATUSES.find((one) => one === raw.status);
  const period = PERIODS.find((one) => one === raw.period);
  const text = typeof raw.q === "string" || typeof raw.q === "number" ? String(raw.q) : "";
  const selected = idsOf(raw.selected);
  if (status) search.status = status;
  if (period) search.period = period;
  if (isId(raw.collection)) search.collection = raw.collection;
  if (text.trim() !== "") search.q = text.slice(0, LONGEST_TEXT);
  if (selected.length > 0) search.selected = selected.join(".");
  return search;
}

/** Return the ids that the address says are selected. */
export function idsOf(selected: unknown): string[] {
  if (typeof selected !== "string") return [];
  const ids = selected.split(".").filter(isId);
  return [...new Set(ids)].slice(0, MOST_SELECTED);
}

/** What narrows the list, without the selection. */
export type Wanted = Omit<JobsSearch, "selected">;

/** Return what narrows the list. */
export function wantedOf({ selected: _, ...wanted }: JobsSearch): Wanted {
  return wanted;
}

/** Return when a period that ends now began. */
export function startOf(period: Period, now = Date.now()): string {
  return new Date(now - SECONDS[period] * 1000).toISOString();
}
