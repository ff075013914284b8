import { CircleAlert } from "lucide-react";
import type { CSSProperties, ReactNode } from "react";
import { Problem, sentenceOf } from "../api/problem";
import { Button } from "./Button";
import { classes } from "./classes";
import styles from "./states.module.css";

/** What a list says when there is nothing in it: what it is for, and what to do next. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** What went wrong, in a sentence, with a way to try again. */
export function ProblemNote({ problem, onRetry }: { problem: unknown; onRetry?: () => void }) {
  return (
    <div className={styles.problem} role="alert">
      <CircleAlert aria-hidden />
      <p>{sentenceOf(problem)}</p>
      {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

interface GoneProps {
  problem: unknown;
  onRetry: () => void;
  title: string;
  /** What may have become of it. */
  children: ReactNode;
  action: ReactNode;
}

/** What a page shows whose object is not there; or, if that is not the problem, what went wrong. */
export function Gone({ problem, onRetry, title, children, action }: GoneProps) {
  if (!(problem instanceof Problem && problem.isOfMissing)) {
    return <ProblemNote problem={problem} onRetry={onRetry} />;
  }
  return (
    <Empty title={title} action={action}>
      {children}
    </Empty>
  );
}

/** A grey shape where something is about to appear. */
export function Skeleton({ className, style }: { className?: string; style?: CSSProperties }) {
  return <div className={classes(styles.skeleton, className)} style={style} aria-hidden />;
}

/** How far something is, 0–100; null: under way, nobody knows how far. */
export function Progress({ value, label }: { value: number | null; label: string }) {
  return (
    <div
      className={classes(styles.progress, value === null && styles.unknown)}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.round(value)}
    >
      <div style={{ width: value === null ? "40%" : `${value}%` }} />
    </div>
  );
}

const TONES = {
  pending: "quiet",
  processing: "accent",
  completed: "good",
  failed: "bad",
  hidden: "quiet",
} as const;
const WORDS = {
  pending: "Waiting",
  processing: "Running",
  completed: "Done",
  failed: "Failed",
  hidden: "Hidden",
} as const;

/** The state of a job, a step or an output, in a word with its colour. */
export function Status({ status, word }: { status: keyof typeof TONES; word?: string }) {
  return <span className={classes(styles.status, styles[TONES[status]])}>{word ?? WORDS[status]}</span>;
}
