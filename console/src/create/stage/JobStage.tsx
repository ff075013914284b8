import { useQuery } from "@tanstack/react-query";
import { Ban, RefreshCw } from "lucide-react";
import { useRef, useState } from "react";
import type { Collection } from "../../api/types";
import { jobQuery, useChangeJob } from "../../jobs/queries";
import { Button } from "../../kit/Button";
import { ProblemNote, Progress, Skeleton } from "../../kit/states";
import { useLiveJob, usePreview } from "../../live/channel";
import { hasEnded } from "../../live/state";
import { useMe } from "../../session/queries";
import type { Field } from "../form/fields";
import { jobOutputsQuery } from "../queries";
import { newer, type Seen, type Staged, steadily } from "./job";
import { Results } from "./Results";
import styles from "./Stage.module.css";

/** Milliseconds between two looks at why a job waits. */
const LOOK_AGAIN = 2500;

const IN_REVIEW = "An operator has to look at it before it goes on.";

interface Props {
  id: string;
  collection: Collection;
  fields: readonly Field[];
}

/** One job: waiting, growing, done or failed. */
export function JobStage({ id, collection, fields }: Props) {
  const live = useLiveJob(id);
  const read = useQuery({
    ...jobQuery(id),
    refetchInterval: ({ state }) => ((live?.status ?? state.data?.status) === "pending" ? LOOK_AGAIN : false),
  });
  const job = newer(live, read.data);
  const isDone = job !== undefined && hasEnded(job);
  const outputs = useQuery({
    ...jobOutputsQuery(id, job?.output_ids ?? []),
    enabled: isDone && job.output_ids.length > 0,
  });
  const made = outputs.data?.filter((output) => output.status === "completed");

  if (!job) {
    return read.error ? (
      <ProblemNote problem={read.error} onRetry={() => void read.refetch()} />
    ) : (
      <Skeleton className={styles.waiting} />
    );
  }
  if (job.status === "failed" && !made?.length) return <Failure job={job} />;
  return (
    <div className={styles.job} data-status={job.status} data-job={job.id}>
      <div className={styles.place}>
        <Growing job={job} hide={isDone && made !== undefined} />
        {isDone && made && <Results outputs={made} collection={collection} fields={fields} jobId={id} />}
        {isDone && outputs.error && (
          <ProblemNote problem={outputs.error} onRetry={() => void outputs.refetch()} />
        )}
        {isDone && job.output_ids.length === 0 && <p className={styles.words}>Done. It shows in no deck.</p>}
      </div>
      {!isDone && <Pace job={job} waiting={read.data?.review ? IN_REVIEW : read.data?.queue?.sentence} />}
    </div>
  );
}

/** What the job is making so far; it stays until the result covers it. */
function Growing({ job, hide }: { job: Staged; hide: boolean }) {
  const now = usePreview(job.id);
  const last = useRef(now);
  last.current = now ?? last.current;
  const preview = last.current;
  if (hide) return null;
  if (preview?.text) return <pre className={styles.text}>{preview.text}</pre>;
  if (preview?.url) {
    return <img className={styles.preview} src={preview.url} alt="Preview of the result" />;
  }
  return <Skeleton className={styles.waiting} />;
}

function Pace({ job, waiting }: { job: Staged; waiting: string | undefined }) {
  const me = useMe();
  const change = useChangeJob(job.id);
  const [seen, setSeen] = useState<Seen>({ retry: job.retry_count, percent: 0 });
  const now = steadily(seen, job);
  if (now.percent !== seen.percent || now.retry !== seen.retry) setSeen(now);
  const isRunning = job.status === "processing";
  return (
    <div className={styles.pace}>
      <Progress value={isRunning ? now.percent : null} label="Progress" />
      <p aria-live="polite">
        {isRunning ? `${Math.round(now.percent)} %` : (waiting ?? "Waiting for a worker.")}
      </p>
      {!me.reads_only && (
        <Button look="quiet" icon={<Ban />} busy={change.isPending} onClick={() => change.mutate("cancel")}>
          Cancel
        </Button>
      )}
    </div>
  );
}

function Failure({ job }: { job: Staged }) {
  const me = useMe();
  const change = useChangeJob(job.id);
  const wasCancelled = job.error_message === "Cancelled";
  return (
    <div className={styles.failure} data-status="failed" data-job={job.id}>
      <h2>{wasCancelled ? "Cancelled" : "It failed"}</h2>
      {!wasCancelled && <p>{job.error_message ?? "Nobody said why."}</p>}
      {!me.reads_only && (
        <Button icon={<RefreshCw />} busy={change.isPending} onClick={() => change.mutate("retry")}>
          Try again
        </Button>
      )}
    </div>
  );
}
