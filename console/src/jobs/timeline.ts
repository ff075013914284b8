// The steps of a job by its attempts, and where their bars lie on a scale of time. Pure.
import type { ForensicStep } from "../api/types";

/** One attempt of a job: the first, or a retry. */
export interface Attempt {
  /** 0 for the first. */
  number: number;
  steps: ForensicStep[];
}

/** Return the attempts, the first one first, each with its steps in the order in which they run. */
export function attemptsOf(steps: readonly ForensicStep[]): Attempt[] {
  const attempts = new Map<number, ForensicStep[]>();
  for (const step of steps) {
    attempts.set(step.retry_attempt, [...(attempts.get(step.retry_attempt) ?? []), step]);
  }
  return [...attempts]
    .map(([number, found]) => ({
      number,
      steps: found.sort(
        (one, other) => one.generation - other.generation || one.step_order - other.step_order,
      ),
    }))
    .sort((one, other) => one.number - other.number);
}

/** A part of a scale, in percent of it. */
export interface Span {
  from: number;
  length: number;
}

/** Where a step waited and ran. */
export interface Bars {
  waited: Span | null;
  ran: Span | null;
}

/** Place the bars of an attempt's steps on one scale, from the first ticket to the last end, or `now`. */
export function barsOf(steps: readonly ForensicStep[], now: number): Bars[] {
  const times = steps.map((step) => ({
    queued: timeOf(step.queued_at),
    started: timeOf(step.started_at),
    ended:
      timeOf(step.completed_at) ?? (step.status === "processing" || step.status === "pending" ? now : null),
  }));
  const all = times
    .flatMap(({ queued, started, ended }) => [queued, started, ended])
    .filter((time) => time !== null);
  const start = Math.min(...all);
  const scale = Math.max(Math.max(...all) - start, 1);
  const span = (from: number | null, to: number | null): Span | null =>
    from === null || to === null
      ? null
      : { from: ((from - start) / scale) * 100, length: (Math.max(to - from, 0) / scale) * 100 };
  return times.map(({ queued, started, ended }) => ({
    waited: span(queued, started ?? ended),
    ran: span(started, ended),
  }));
}

function timeOf(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}
