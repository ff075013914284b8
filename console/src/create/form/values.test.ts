import { describe, expect, it } from "vitest";
import { fieldsOf, type SeedField } from "./fields";
import { drawnSeed, fitted, freshDraft, restored, variablesOf } from "./values";

const INPUT = "x-emprops-input";
const LARGEST = "18446744073709551615";
const fields = fieldsOf({
  properties: {
    prompt: { maxLength: 10, default: "a harbour", [INPUT]: "multiline" },
    title: { [INPUT]: "text" },
    style: {
      oneOf: [
        { const: "auto", title: "auto" },
        { const: 5, title: "Five" },
      ],
      [INPUT]: "choice",
    },
    size: { type: "number", minimum: 0, maximum: 2, [INPUT]: "number" },
    count: { type: "integer", minimum: 1, maximum: 12, default: 5, [INPUT]: "number" },
    seed: { minimum: 0, maximum: 18446744073709551615n, "x-emprops-drawn": true, [INPUT]: "seed" },
    tiled: { [INPUT]: "switch" },
    any: { [INPUT]: "any" },
    photo: { [INPUT]: "image" },
  },
  required: ["title"],
});
const read = (draft: Record<string, string>) => variablesOf(fields, { title: "T", ...draft });

describe("variables", () => {
  it("are sent as they were typed, with their types", () => {
    const { variables, faults } = read({
      prompt: "two\nlines",
      style: "5",
      size: "0.5",
      count: "3",
      tiled: "true",
      any: "7",
      photo: " asset:1 ",
    });
    expect(faults).toEqual({});
    expect(variables).toEqual({
      prompt: "two\nlines",
      title: "T",
      style: 5,
      size: 0.5,
      count: 3,
      tiled: true,
      any: 7,
      photo: "asset:1",
    });
  });

  it("are left out where nothing was typed, but for a text that was emptied", () => {
    expect(read({}).variables).toEqual({ title: "T", prompt: "" });
  });

  it("keep 2^64 − 1 exact, out and back", () => {
    const { variables } = read({ seed: LARGEST });
    expect(variables.seed).toBe(18446744073709551615n);
    expect(restored(fields, variables).draft.seed).toBe(LARGEST);
  });

  it.each([
    ["title", " ", "Fill this in."],
    ["prompt", "longer than ten", "Use at most 10 characters; these are 15."],
    ["size", "3", "Enter a number: 0 to 2."],
    ["size", "much", "Enter a number."],
    ["count", "1.5", "Enter a whole number."],
    ["count", "13", "Enter a whole number: 1 to 12."],
    ["seed", "18446744073709551616", `Enter a whole number: 0 to ${LARGEST}.`],
  ])("say what is wrong with %s = %s", (name, text, sentence) => {
    expect(read({ [name]: text }).faults).toEqual({ [name]: sentence });
  });
});

describe("a draft", () => {
  it("begins with what is usual", () => {
    expect(freshDraft(fields)).toMatchObject({ prompt: "a harbour", count: "5", seed: "", style: "" });
  });

  it("is restored from variables, by the value or the name of a choice", () => {
    const { draft, unknown } = restored(fields, { prompt: "x", style: "Five", old: 1 });
    expect(draft).toMatchObject({ prompt: "x", style: "5", count: "5", seed: "", title: "" });
    expect(unknown).toEqual(["old"]);
    expect(restored(fields, { style: 5 }).draft.style).toBe("5");
  });

  it("fits the form as it is now", () => {
    expect(fitted(fields, { prompt: "kept", style: '"gone"', count: 7, other: "x" })).toEqual({
      ...freshDraft(fields),
      prompt: "kept",
    });
    expect(fitted(fields, "rubbish")).toEqual(freshDraft(fields));
  });
});

it("draws seeds within their limits", () => {
  const seed = fields.find((field) => field.kind === "seed") as SeedField;
  expect(drawnSeed(seed, () => 0)).toBe("0");
  expect(drawnSeed(seed, () => 0.9999999999)).toBe("4294967295");
  expect(drawnSeed({ ...seed, least: 5, most: 6 }, () => 0.99)).toBe("6");
});
