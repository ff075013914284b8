import { expect, it } from "vitest";
import { Problem } from "../api/problem";
import { each } from "./each";

it("does all, counts them, and gathers why some refused", async () => {
  const steps: number[] = [];
  const act = async (n: number) => {
    if (n % 3 === 0) throw new Problem("It has ended already.", 400, "bad_request");
  };
  const outcome = await each([1, 2, 3, 4, 5, 6, 7], act, (over) => steps.push(over));
  expect(outcome).toEqual({ done: 5, refused: { count: 2, reasons: ["It has ended already."] } });
  expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
