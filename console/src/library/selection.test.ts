import { describe, expect, it } from "vitest";
import { all, lessened, NONE, ranged, selectionOf, successor, toggled, written } from "./selection";

const ORDER = ["a", "b", "c", "d", "e"];

describe("a selection", () => {
  it("takes one, and a range from there in either direction", () => {
    const one = toggled(NONE, "d");
    expect([...ranged(one, "b", ORDER).ids].sort()).toEqual(["b", "c", "d"]);
    expect([...ranged(one, "e", ORDER).ids]).toEqual(["d", "e"]);
  });

  it("leaves out a range after one was left out", () => {
    const some = toggled(all(ORDER), "b");
    expect([...ranged(some, "d", ORDER).ids]).toEqual(["a", "e"]);
  });

  it("begins a range where there is no beginning", () => {
    expect([...ranged(NONE, "c", ORDER).ids]).toEqual(["c"]);
    expect([...lessened(all(ORDER), ["a", "x"]).ids]).toEqual(["b", "c", "d", "e"]);
  });

  it("survives in the address, unless it is very large", () => {
    expect(written(selectionOf("a.b"))).toBe("a.b");
    expect(written(selectionOf(undefined))).toBeUndefined();
    expect(written(all(Array.from({ length: 201 }, (_, n) => String(n))))).toBeUndefined();
  });

  it("goes on with what remains of the list", () => {
    expect(successor(ORDER, "b", ["a", "d", "e"])).toBe("d");
    expect(successor(ORDER, "e", ["a", "b"])).toBe("b");
    expect(successor([], "x", ["a", "b"])).toBe("a");
    expect(successor(ORDER, "a", [])).toBeNull();
  });
});
