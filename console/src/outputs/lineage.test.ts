import { expect, it } from "vitest";
import { arranged, type Member, MOST } from "./lineage";

const member = (id: string, source_output_id: string | null = null): Member => ({ id, source_output_id });
const places = (tree: ReturnType<typeof arranged>) =>
  Object.fromEntries(tree.nodes.map(({ member: { id }, column, row }) => [id, [column, row]]));

it("stands alone when nothing came before or after", () => {
  expect(arranged([], member("a"), [])).toEqual({
    nodes: [{ member: member("a"), column: 0, row: 0, parent: null }],
    columns: 1,
    rows: 1,
    more: 0,
  });
});

it("puts a parent in front of the middle of its children", () => {
  const tree = arranged([member("first"), member("second", "first")], member("me", "second"), [
    member("left", "me"),
    member("right", "me"),
    member("below", "right"),
  ]);
  expect(places(tree)).toEqual({
    first: [0, 0.5],
    second: [1, 0.5],
    me: [2, 0.5],
    left: [3, 0],
    right: [3, 1],
    below: [4, 1],
  });
  expect(tree.nodes.find(({ member: { id } }) => id === "me")?.parent).toEqual({ column: 1, row: 0.5 });
  expect([tree.columns, tree.rows]).toEqual([5, 2]);
});

it("leaves out the farthest when there are very many", () => {
  const children = Array.from({ length: 900 }, (_, n) => member(`c${n}`, "me"));
  const tree = arranged([], member("me"), children);
  expect(tree.nodes).toHaveLength(MOST + 1);
  expect(tree.more).toBe(900 - MOST);
});

it("leaves out what hangs on something that cannot be seen", () => {
  expect(arranged([], member("me"), [member("orphan", "hidden")]).more).toBe(1);
});
