// Rows of pictures that are all as high as each other and fill the width: justified, as text is. Pure.

/** A picture in its row, in pixels. */
export interface Placed {
  index: number;
  left: number;
  width: number;
}

/** A row, in pixels from the top of all rows. */
export interface Row {
  top: number;
  height: number;
  tiles: Placed[];
}

/** Pictures that are narrower or wider than this are cut. */
const NARROWEST = 0.56;
const WIDEST = 2.4;

/** Place pictures of these proportions (width / height) in rows of about the wanted height. */
export function justified(ratios: readonly number[], width: number, wanted: number, gap: number): Row[] {
  const rows: Row[] = [];
  let top = 0;
  let begin = 0;
  let sum = 0;
  const usual = () => rows.at(-1)?.height ?? wanted; // a short last row is as high as the one before
  const close = (end: number, isLast: boolean) => {
    const room = width - gap * (end - begin - 1);
    const filling = room / sum;
    const height = Math.round(isLast ? Math.min(filling, usual()) : filling);
    const fills = !isLast || filling <= usual();
    rows.push({ top, height, tiles: placed(ratios, begin, end, height, fills ? width : null, gap) });
    top += height + gap;
    begin = end;
    sum = 0;
  };
  ratios.forEach((ratio, index) => {
    const more = cut(ratio);
    const before = (width - gap * Math.max(0, index - begin - 1)) / sum;
    const after = (width - gap * (index - begin)) / (sum + more);
    const isBetterWithout = index > begin && after < wanted && before - wanted < wanted - after;
    if (isBetterWithout) close(index, false);
    sum += more;
    if ((width - gap * (index - begin)) / sum <= wanted) close(index + 1, false);
  });
  if (begin < ratios.length) close(ratios.length, true);
  return rows;
}

function placed(
  ratios: readonly number[],
  begin: number,
  end: number,
  height: number,
  width: number | null,
  gap: number,
): Placed[] {
  let left = 0;
  return ratios.slice(begin, end).map((ratio, offset) => {
    const isLast = begin + offset === end - 1;
    const own = isLast && width !== null ? width - left : Math.round(cut(ratio) * height);
    const tile = { index: begin + offset, left, width: own };
    left += own + gap;
    return tile;
  });
}

function cut(ratio: number): number {
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

/** Where an arrow leads from a picture; to itself where there is nothing. */
export function neighbour(rows: readonly Row[], index: number, key: string): number {
  const last = rows.at(-1)?.tiles.at(-1)?.index ?? 0;
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, index - 1);
    case "ArrowRight":
      return Math.min(last, index + 1);
    case "Home":
      return 0;
    case "End":
      return last;
    case "ArrowUp":
      return above(rows, index, -1);
    default:
      return above(rows, index, 1);
  }
}

/** The picture that is over or under the middle of another one. */
function above(rows: readonly Row[], index: number, step: 1 | -1): number {
  const at = rowOf(rows, index);
  const from = rows[at]?.tiles.find((tile) => tile.index === index);
  const to = rows[at + step];
  if (!from || !to) return index;
  const middle = from.left + from.width / 2;
  const found = to.tiles.find((tile) => middle < tile.left + tile.width) ?? to.tiles.at(-1);
  return found?.index ?? index;
}

/** The row that a picture is in; −1 if there is none. */
export function rowOf(rows: readonly Row[], index: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const tiles = rows[middle]?.tiles;
    const begin = tiles?.[0]?.index ?? 0;
    if (index < begin) high = middle - 1;
    else if (index >= begin + (tiles?.length ?? 0)) low = middle + 1;
    else return middle;
  }
  return -1;
}
