import { Fragment } from "react";
import type { ForensicStep, Job } from "../api/types";
import { classes } from "../kit/classes";
import { duration } from "../kit/format";
import { ProblemNote, Skeleton, Status } from "../kit/states";
import { Time, useNow } from "../kit/Time";
import { hasEnded } from "../live/state";
import styles from "./JobTimeline.module.css";
import { type Attempt, attemptsOf, type Bars, barsOf } from "./timeline";
import { useEvidence } from "./useEvidence";

/** How the job went: each step of each attempt, when it waited and ran, and who ran it. */
export function JobTimeline({ job }: { job: Job }) {
  const evidence = useEvidence(job);
  const now = useNow(hasEnded(job) ? null : 1000);
  if (evidence.isPending) return <Skeleton className={styles.skeleton} />;
  if (!evidence.data) return <ProblemNote problem={evidence.error} onRetry={() => evidence.refetch()} />;
  const attempts = attemptsOf(evidence.data.steps);
  return (
    <section className={styles.timeline} aria-label="Timeline">
      <h2>Timeline</h2>
      <p className={styles.moment}>
        Accepted <Time at={job.created_at} />
      </p>
      {attempts.map((attempt) => (
        <Fragment key={attempt.number}>
          {attempts.length > 1 && (
            <h3>{attempt.number === 0 ? "First attempt" : `Retry ${attempt.number}`}</h3>
          )}
          <Steps attempt={attempt} job={job} now={now} />
        </Fragment>
      ))}
      {job.completed_at && (
        <p className={styles.moment}>
          {job.status === "completed" ? "Done" : "Ended"} <Time at={job.completed_at} />
        </p>
      )}
    </section>
  );
}

function Steps({ attempt, job, now }: { attempt: Attempt; job: Job; now: number }) {
  const bars = barsOf(attempt.steps, now);
  const generations = new Set(attempt.steps.map((step) => step.generation)).size;
  return (
    <ol className={styles.steps}>
      {attempt.steps.map((step, index) => (
        <Step
          key={step.id}
          step={step}
          bars={bars[index]}
          name={generations > 1 ? `${step.step_name} ${step.generation + 1}` : step.step_name}
          isCurrent={attempt.number === job.retry_count && !hasEnded(job)}
        />
      ))}
    </ol>
  );
}

interface StepProps {
  step: ForensicStep;
  bars: Bars | undefined;
  name: string;
  /** Whether it can still go on. */
  isCurrent: boolean;
}

function Step({ step, bars, name, isCurrent }: StepProps) {
  return (
    <li className={styles.step}>
      <div className={styles.name}>
        <strong>{name}</strong>
        <Status status={step.status} {...wordOf(step, isCurrent)} />
      </div>
      <div className={styles.scale} aria-hidden>
        {bars?.waited && <span className={styles.waited} style={styleOf(bars.waited)} />}
        {bars?.ran && (
          <span
            className={classes(styles.ran, step.status === "failed" && styles.failed)}
            style={styleOf(bars.ran)}
          />
        )}
      </div>
      <p className={styles.about}>{aboutOf(step)}</p>
      {step.error_message && <p className={styles.error}>{step.error_message}</p>}
    </li>
  );
}

function styleOf({ from, length }: { from: number; length: number }) {
  return { left: `${from}%`, width: `max(${length}%, 3px)` };
}

function wordOf(step: ForensicStep, isCurrent: boolean): { word?: string } {
  if (step.reused_from) return { word: "Reused" };
  if (step.status === "processing") return { word: `Running, ${Math.round(step.progress)} %` };
  if (step.status !== "pending") return {};
  if (!isCurrent) return { word: "Never ran" };
  return { word: step.queued_at ? "Waiting" : "Later" };
}

/** Say how long it waited and ran, and where. */
function aboutOf(step: ForensicStep): string {
  if (step.reused_from) return "The result of an earlier attempt is used.";
  const { waiting, running } = step.timings;
  return [
    waiting !== null && step.queued_at && `waited ${duration(waiting)}`,
    running !== null && step.started_at && `ran ${duration(running)}`,
    step.worker_id && `on ${step.worker_id}`,
    step.attempt > 1 && `try ${step.attempt}`,
    step.step_type,
  ]
    .filter(Boolean)
    .join(" · ");
}
