import { expect, it } from "vitest";
import { freshKey, keyFor } from "./submission";

const key = (text: string, answered: number | null, now: number) =>
  keyFor(text, { text: "a", key: "old", answered }, now, () => "new");

it("sends a double press, and what got no answer, under the same key", () => {
  expect(key("a", null, 1_000_000)).toBe("old");
  expect(key("a", 1000, 1100)).toBe("old");
});

it("sends everything else under a new one", () => {
  expect(keyFor("a", null, 0, () => "new")).toBe("new");
  expect(key("a", 1000, 3000)).toBe("new");
  expect(key("b", null, 0)).toBe("new");
  expect(key("b", 1000, 1100)).toBe("new");
});

it("makes keys that differ", () => {
  expect(freshKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(freshKey()).not.toBe(freshKey());
});
