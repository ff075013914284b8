import { useQuery } from "@tanstack/react-query";
import type { Job } from "../api/types";
import { hasEnded } from "../live/state";
import { forensicsQuery } from "./queries";

const OFTEN = 3000;

/** All that is known of a job; looked for again while the job goes on. */
export function useEvidence(job: Job) {
  return useQuery({ ...forensicsQuery(job.id), refetchInterval: hasEnded(job) ? false : OFTEN });
}
