import { describe, expect, it } from "vitest";
import { justified, neighbour, rowOf } from "./layout";

const RATIOS = Array.from({ length: 500 }, (_, n) => [1, 16 / 9, 9 / 16, 4 / 3, 3, 0.2][(n * 7) % 6] ?? 1);

describe("justified rows", () => {
  it.each([288, 700, 1500])("fill %d pixels, with all pictures in their order", (width) => {
    const rows = justified(RATIOS, width, 200, 8);
    expect(rows.flatMap((row) => row.tiles.map((tile) => tile.index))).toEqual(RATIOS.map((_, n) => n));
    for (const [at, row] of rows.slice(0, -1).entries()) {
      const last = row.tiles.at(-1);
      expect((last?.left ?? 0) + (last?.width ?? 0)).toBe(width);
      expect(row.height).toBeGreaterThan(110);
      expect(row.height).toBeLessThan(400);
      expect(rows[at + 1]?.top).toBe(row.top + row.height + 8);
    }
  });

  it("does not blow up a few pictures", () => {
    expect(justified([1, 1], 1500, 200, 8)[0]?.height).toBe(200);
    expect(justified([], 1500, 200, 8)).toEqual([]);
  });
});

describe("arrows", () => {
  const rows = justified(Array(12).fill(1), 824, 200, 8); // four in a row

  it("lead to what is next to a picture", () => {
    expect(neighbour(rows, 5, "ArrowUp")).toBe(1);
    expect(neighbour(rows, 5, "ArrowDown")).toBe(9);
    expect(neighbour(rows, 5, "ArrowRight")).toBe(6);
    expect(neighbour(rows, 5, "Home")).toBe(0);
    expect(neighbour(rows, 5, "End")).toBe(11);
  });

  it("stay where nothing follows", () => {
    expect(neighbour(rows, 0, "ArrowLeft")).toBe(0);
    expect(neighbour(rows, 1, "ArrowUp")).toBe(1);
    expect(neighbour(rows, 11, "ArrowRight")).toBe(11);
    expect(neighbour(rows, 11, "ArrowDown")).toBe(11);
  });

  it("find the row of a picture", () => {
    expect([0, 4, 11, 12].map((index) => rowOf(rows, index))).toEqual([0, 1, 2, -1]);
  });
});
