import { expect, it } from "vitest";
import type { ForensicStep } from "../api/types";
import { attemptsOf, barsOf } from "./timeline";

const at = (second: number) => `2026-05-10T12:00:${String(second).padStart(2, "0")}Z`;

function step(attempt: number, order: number, times: (number | null)[], status = "completed"): ForensicStep {
  const [queued_at, started_at, completed_at] = times.map((time) => (time === null ? null : at(time)));
  return {
    retry_attempt: attempt,
    step_order: order,
    generation: 0,
    status,
    queued_at,
    started_at,
    completed_at,
  } as ForensicStep;
}

it("shows the attempts and their steps in order", () => {
  const attempts = attemptsOf([step(0, 2, []), step(1, 1, []), step(0, 1, [])]);
  expect(attempts.map(({ number, steps }) => [number, ...steps.map((one) => one.step_order)])).toEqual([
    [0, 1, 2],
    [1, 1],
  ]);
});

it("puts waiting and running on one scale", () => {
  const bars = barsOf([step(0, 1, [0, 2, 5]), step(0, 2, [5, 6, null], "processing")], Date.parse(at(10)));
  expect(bars).toEqual([
    { waited: { from: 0, length: 20 }, ran: { from: 20, length: 30 } },
    { waited: { from: 50, length: 10 }, ran: { from: 60, length: 40 } },
  ]);
});

it("has no bars for what did not begin", () => {
  expect(barsOf([step(0, 1, [null, null, null], "failed")], 0)).toEqual([{ waited: null, ran: null }]);
});
