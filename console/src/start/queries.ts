import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";

const RECENT = 25;
const LAST = 50;

/** One's newest finished results. */
export const recentQuery = queryOptions({
  queryKey: ["outputs", "newest"],
  queryFn: ({ signal }) =>
    data(api.GET("/outputs", { params: { query: { status: "completed", limit: RECENT } }, signal })),
});

/** What one can spend. */
export const creditsQuery = queryOptions({
  queryKey: ["credits"],
  queryFn: ({ signal }) => data(api.GET("/credits", { signal })),
});

/** Whether any worker is live; for those who may see workers. */
export const workersQuery = queryOptions({
  queryKey: ["workers"],
  queryFn: ({ signal }) => data(api.GET("/api/workers", { signal })),
  refetchInterval: 5000,
});

/** One's newest jobs: what they ran is what one most likely wants again. */
export const newestJobsQuery = queryOptions({
  queryKey: ["jobs", "newest"],
  queryFn: ({ signal }) => data(api.GET("/api/jobs", { params: { query: { limit: LAST } }, signal })),
});
