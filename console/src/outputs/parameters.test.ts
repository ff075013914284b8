import { describe, expect, it } from "vitest";
import { compared, parametersOf, written } from "./parameters";

describe("parameters", () => {
  it("begin with the prompt", () => {
    const made = parametersOf({ variables: { seed: 7, prompt: "a fox", style: "silk" } });
    expect(made.map(({ name }) => name)).toEqual(["prompt", "seed", "style"]);
  });

  it("are what a client noted, if that has no variables", () => {
    expect(parametersOf({ mood: "calm" })).toEqual([{ name: "mood", value: "calm" }]);
    expect(parametersOf(null)).toEqual([]);
    expect(parametersOf("text")).toEqual([]);
  });

  it.each([
    ["<b>fox</b>", "<b>fox</b>"],
    [7, "7"],
    [true, "true"],
    [null, "null"],
    [{ a: [1] }, '{\n  "a": [\n    1\n  ]\n}'],
  ])("write %j as it is", (value, text) => {
    expect(written(value)).toBe(text);
  });

  it.skipIf(!("rawJSON" in JSON))("keep all digits of 2^64 − 1", () => {
    expect(written(2n ** 64n - 1n)).toBe("18446744073709551615");
  });

  it("differ by value, and by what only one of them has", () => {
    const one = parametersOf({ variables: { prompt: "a fox", seed: 1, style: "silk" } });
    const other = parametersOf({ variables: { prompt: "a fox", seed: 2, palette: "ink" } });
    expect(compared(one, other)).toEqual({
      same: 1,
      different: [
        { name: "seed", one: "1", other: "2" },
        { name: "style", one: "silk", other: null },
        { name: "palette", one: null, other: "ink" },
      ],
    });
  });
});
