import { expect, it } from "vitest";
import { Problem } from "../../api/problem";
import { creditSentence, faultsOf } from "./faults";

it("finds the fields of a refusal", () => {
  const named = new Problem("Invalid variables", 400, "invalid_variables", {
    details: { prompt: "is required: a text", other: "is no variable of this collection" },
  });
  expect(faultsOf(named, ["prompt"])).toEqual({ prompt: "Is required: a text." });
  const listed = new Problem("…", 400, "bad_request", {
    details: [{ field: "variables.seed", problem: "must be a number" }, null, "rubbish"],
  });
  expect(faultsOf(listed, ["seed"])).toEqual({ seed: "Must be a number." });
  expect(faultsOf(new Problem("…", 409, "conflict"), ["seed"])).toEqual({});
});

it("says what is missing", () => {
  const poor = new Problem("Not enough credits.", 402, "not_enough_credits", { needed: 0.3, available: 0.1 });
  expect(creditSentence(poor)).toBe("This costs 0.3 credits and you have 0.1: 0.2 more are needed.");
  const limited = new Problem("Your daily limit is reached.", 402, "spending_limit", {
    needed: 1,
    available: 0,
  });
  expect(creditSentence(limited)).toBe("Your daily limit is reached.");
});
