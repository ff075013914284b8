import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gathered } from "./gathered";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("it is done at once, and once more for all who ask meanwhile", async () => {
  let end: () => void = () => {};
  const work = vi.fn(() => new Promise<void>((done) => (end = done)));
  const ask = gathered(work, 1000);
  ask();
  expect(work).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 100; n++) ask();
  await vi.advanceTimersByTimeAsync(5000);
  expect(work, "it is still under way").toHaveBeenCalledTimes(1);
  end();
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(2);
  end();
  await vi.advanceTimersByTimeAsync(5000);
  expect(work, "nobody has asked since").toHaveBeenCalledTimes(2);
});

test("it is done at most once a pause, and goes on when it fails", async () => {
  const work = vi.fn(() => Promise.reject(new Error("away")));
  const ask = gathered(work, 1000);
  ask();
  ask();
  await vi.advanceTimersByTimeAsync(999);
  expect(work).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1000);
  ask();
  expect(work).toHaveBeenCalledTimes(3);
});

test("what never ends is not waited for, for ever", async () => {
  const work = vi.fn(() => new Promise<void>(() => {}));
  const ask = gathered(work, 1000);
  ask();
  ask();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(work).toHaveBeenCalledTimes(2);
});
