import type { Job } from "../api/types";
import { duration } from "../kit/format";
import { Progress, Status } from "../kit/states";
import { Elapsed, Time, useNow } from "../kit/Time";
import styles from "./JobState.module.css";

const CANCELLED = "Cancelled";

/** How a job stands: its state, since when, and what it waits for or failed of. */
export function JobState({ job }: { job: Job }) {
  const isCancelled = job.status === "failed" && job.error_message === CANCELLED;
  return (
    <div className={styles.state} aria-live="polite">
      <p className={styles.line}>
        <Status status={job.status} {...(isCancelled ? { word: CANCELLED } : {})} />
        <span>
          {job.status === "processing" && job.started_at ? (
            <>
              for <Elapsed since={job.started_at} />
            </>
          ) : (
            <Time at={job.completed_at ?? job.created_at} />
          )}
        </span>
        {job.status === "processing" && job.total_steps > 1 && (
          <span>
            step {Math.max(job.current_step, 1)} of {job.total_steps}
          </span>
        )}
      </p>
      {job.status === "processing" && <Progress value={job.progress} label="Progress" />}
      <Waiting job={job} />
      {job.status === "failed" && !isCancelled && (
        <p className={styles.error}>{job.error_message ?? "It failed without a reason."}</p>
      )}
    </div>
  );
}

function Waiting({ job }: { job: Job }) {
  const now = useNow(job.queue?.retry_at ? 1000 : null);
  if (job.review) {
    const what = job.review === "start" ? "it begins" : "its results can be seen";
    return <p>Somebody has to look at it before {what}.</p>;
  }
  if (!job.queue) return null;
  const seconds = job.queue.retry_at ? (Date.parse(job.queue.retry_at) - now) / 1000 : 0;
  if (seconds > 0) return <p>It failed, and is tried again in {duration(Math.ceil(seconds))}.</p>;
  return <p>{job.queue.sentence}</p>;
}
