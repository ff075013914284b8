import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import type { Job } from "../api/types";
import type { LiveJob } from "../live/messages";
import { jobQuery } from "./queries";

/** Return the job with what the live channel has told since; load it again when it changed in more than progress. */
export function useJobNow(job: Job | undefined, live: LiveJob | undefined): Job | undefined {
  const client = useQueryClient();
  const state = live && `${live.status} ${live.current_step} ${live.retry_count} ${live.output_ids.length}`;
  const id = job?.id;
  useEffect(() => {
    if (id && state) void client.invalidateQueries({ queryKey: jobQuery(id).queryKey });
  }, [client, id, state]);
  return useMemo(() => {
    if (!job || !live || live.updated_at < job.updated_at) return job;
    const { status, progress, error_message, started_at, completed_at, current_step, retry_count } = live;
    return { ...job, status, progress, error_message, started_at, completed_at, current_step, retry_count };
  }, [job, live]);
}
