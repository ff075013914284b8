import { expect, it } from "vitest";
import { choiceSearch, matches, studioSearch } from "./search";

const ID = "0192f3a4-0000-7000-8000-000000000001";

it("reads what a URL says, and nothing else", () => {
  expect(choiceSearch({ q: "art", other: 1 })).toEqual({ q: "art" });
  expect(choiceSearch({ q: "" })).toEqual({});
  expect(studioSearch({ job: ID, from: "rubbish", input: 5, other: ID })).toEqual({ job: ID });
});

it("finds words in any order", () => {
  expect(matches("Generative Art: a picture", "ART gen")).toBe(true);
  expect(matches("Generative Art", "art video")).toBe(false);
  expect(matches("Generative Art", " ")).toBe(true);
});
