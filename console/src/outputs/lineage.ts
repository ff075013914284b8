// Where the pictures of a lineage stand: one column for each development, a parent in front of the middle of its children. Pure.

/** What the tree needs of an output. */
export interface Member {
  id: string;
  source_output_id: string | null;
}

/** An output with its place: columns and rows from 0, rows also in between. */
export interface Node<Of extends Member> {
  member: Of;
  column: number;
  row: number;
  /** The place of what it was developed from; null at the root. */
  parent: { column: number; row: number } | null;
}

export interface Tree<Of extends Member> {
  nodes: Node<Of>[];
  columns: number;
  rows: number;
  /** How many were left out because there are too many. */
  more: number;
}

/** More are not drawn; the nearest ones are. */
export const MOST = 60;

/** Arrange ancestors (the first one first), the output itself, and its descendants (the nearest first). */
export function arranged<Of extends Member>(
  ancestors: readonly Of[],
  self: Of,
  descendants: readonly Of[],
): Tree<Of> {
  const before = ancestors.slice(-MOST / 2);
  const after = descendants.slice(0, MOST - before.length);
  const children = new Map<string, Of[]>();
  for (const member of after) {
    const parent = member.source_output_id ?? "";
    children.set(parent, [...(children.get(parent) ?? []), member]);
  }
  const nodes: Node<Of>[] = [];
  let leaves = 0;
  const place = (member: Of, column: number): Node<Of> => {
    const below = (children.get(member.id) ?? []).map((child) => place(child, column + 1));
    const [first, last] = [below[0], below.at(-1)];
    const row = first && last ? (first.row + last.row) / 2 : leaves++;
    const node: Node<Of> = { member, column, row, parent: null };
    for (const child of below) child.parent = { column, row };
    nodes.push(node);
    return node;
  };
  const root = place(self, before.length);
  before.forEach((member, column) => {
    nodes.push({
      member,
      column,
      row: root.row,
      parent: column > 0 ? { column: column - 1, row: root.row } : null,
    });
  });
  if (before.length > 0) root.parent = { column: before.length - 1, row: root.row };
  nodes.sort((one, other) => one.column - other.column || one.row - other.row);
  return {
    nodes,
    columns: Math.max(...nodes.map((node) => node.column)) + 1,
    rows: Math.max(leaves, 1),
    more: ancestors.length + descendants.length + 1 - nodes.length,
  };
}
