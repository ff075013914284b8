import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data, whole } from "../api/client";
import { say } from "../kit/toasts";
import type { Part } from "./list";
import { STATUSES, type Status, startOf, type Wanted } from "./search";

const PART = 50;
const HISTORY_PART = 100;

function filters({ status, collection, period, q }: Wanted) {
  return {
    ...(status ? { status: [status] } : {}),
    ...(collection ? { collection_id: collection } : {}),
    ...(period ? { since: startOf(period) } : {}),
    ...(q ? { q } : {}),
  };
}

/** One's jobs, the newest first, part by part. The live channel keeps it true, so the end of a job loads nothing. */
export function jobListQuery(wanted: Wanted) {
  return infiniteQueryOptions({
    queryKey: ["joblist", wanted],
    queryFn: async ({ pageParam, signal }): Promise<Part> => {
      const query = { ...filters(wanted), limit: PART, ...(pageParam ? { cursor: pageParam } : {}) };
      const found = await whole(api.GET("/api/jobs", { params: { query }, signal }));
      return { jobs: found.data, next: found.next_cursor };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (part) => part.next,
    placeholderData: keepPreviousData,
  });
}

/** How many jobs there are in each state. */
export type Counts = Record<Status, number>;

/** Count what the list would show in each state. */
export function jobCountsQuery({ status: _, ...wanted }: Wanted) {
  return queryOptions({
    queryKey: ["jobs", "counts", wanted],
    queryFn: async ({ signal }): Promise<Counts> => {
      if (Object.keys(wanted).length === 0) return data(api.GET("/api/jobs/counts", { signal }));
      const counts = STATUSES.map(async (status) => {
        const query = { ...filters({ ...wanted, status }), limit: 1, count: true };
        const found = await whole(api.GET("/api/jobs", { params: { query }, signal }));
        return [status, found.total ?? 0] as const;
      });
      return Object.fromEntries(await Promise.all(counts)) as Counts;
    },
    placeholderData: keepPreviousData,
  });
}

/** One job, with its place in the queue. */
export function jobQuery(job_id: string) {
  return queryOptions({
    queryKey: ["jobs", job_id],
    queryFn: ({ signal }) => data(api.GET("/api/jobs/{job_id}", { params: { path: { job_id } }, signal })),
  });
}

/** All that is known of a job: its steps of all attempts, its files and outputs. */
export function forensicsQuery(job_id: string) {
  return queryOptions({
    queryKey: ["jobs", job_id, "forensics"],
    queryFn: async ({ signal }) =>
      (await data(api.GET("/api/jobs/{job_id}/forensics", { params: { path: { job_id } }, signal }))).job,
  });
}

/** What happened to a job, the oldest first, part by part. */
export function historyQuery(job_id: string) {
  return infiniteQueryOptions({
    queryKey: ["jobs", job_id, "history"],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: HISTORY_PART, offset: pageParam };
      return data(api.GET("/api/jobs/{job_id}/history", { params: { path: { job_id }, query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (part, all) => (part.length < HISTORY_PART ? null : all.length * HISTORY_PART),
  });
}

/** What can be done to a job that exists. */
export type Change = "cancel" | "retry";

const DONE: Record<Change, string> = { cancel: "The job is cancelled.", retry: "The job is tried again." };

/** Cancel or retry a job. */
export function changeJob(change: Change, job_id: string): Promise<unknown> {
  const params = { path: { job_id } };
  if (change === "cancel") return data(api.POST("/api/jobs/{job_id}/cancel", { params }));
  return data(api.POST("/api/jobs/{job_id}/retry", { params }));
}

/** Cancel or retry one job, and say so. */
export function useChangeJob(job_id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: Change) => changeJob(change, job_id),
    onSuccess: (_job, change) => void say(DONE[change]),
    onSettled: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
