import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { HistoryRow, Job } from "../api/types";
import { Button } from "../kit/Button";
import { fullTime } from "../kit/format";
import { JsonView } from "../kit/JsonView";
import { ProblemNote } from "../kit/states";
import styles from "./JobHistory.module.css";
import { historyQuery } from "./queries";

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** What happened to the job, line by line. */
export function JobHistory({ job }: { job: Job }) {
  const history = useInfiniteQuery(historyQuery(job.id));
  const { refetch } = history;
  const state = `${job.status} ${job.current_step} ${job.retry_count}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another state has another line
  useEffect(() => void refetch(), [refetch, state]);
  const lines = history.data?.pages.flat() ?? [];
  return (
    <section className={styles.history} aria-label="History">
      <h2>History</h2>
      {history.error && <ProblemNote problem={history.error} onRetry={() => refetch()} />}
      <ol>
        {lines.map((line) => (
          <Line key={line.id} line={line} />
        ))}
      </ol>
      {history.hasNextPage && (
        <Button busy={history.isFetchingNextPage} onClick={() => history.fetchNextPage()}>
          Show more
        </Button>
      )}
    </section>
  );
}

function Line({ line }: { line: HistoryRow }) {
  const time = (
    <time dateTime={line.created_at} title={fullTime(line.created_at)}>
      {CLOCK.format(new Date(line.created_at))}
    </time>
  );
  if (!line.data || Object.keys(line.data).length === 0) {
    return (
      <li className={styles.line}>
        {time}
        <span>{line.message}</span>
      </li>
    );
  }
  return (
    <li>
      <details>
        <summary className={styles.line}>
          {time}
          <span>{line.message}</span>
        </summary>
        <JsonView value={line.data} label={`Details of “${line.message}”`} />
      </details>
    </li>
  );
}
