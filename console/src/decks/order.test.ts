import { describe, expect, it } from "vitest";
import { moved, target } from "./order";

const items = ["a", "b", "c", "d"];

describe("changing places", () => {
  it("moves forth and back", () => {
    expect(moved(items, 0, 2)).toEqual(["b", "c", "a", "d"]);
    expect(moved(items, 3, 0)).toEqual(["d", "a", "b", "c"]);
  });

  it("leaves the list alone where nothing moves", () => {
    expect(moved(items, 1, 1)).toBe(items);
    expect(moved(items, 1, 4)).toBe(items);
    expect(moved(items, -1, 2)).toBe(items);
  });

  it("follows the keys in a grid, and stays in it", () => {
    expect(target("ArrowRight", 0, 4, 3)).toBe(1);
    expect(target("ArrowDown", 0, 4, 3)).toBe(3);
    expect(target("ArrowDown", 2, 4, 3)).toBe(3);
    expect(target("ArrowUp", 1, 4, 3)).toBe(0);
    expect(target("End", 1, 4, 3)).toBe(3);
    expect(target("a", 1, 4, 3)).toBeNull();
  });
});
