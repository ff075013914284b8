import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import type { LibraryItem } from "../api/types";
import styles from "./Grid.module.css";
import { justified, type Row, rowOf } from "./layout";
import { Tile } from "./Tile";
import { usePlace } from "./usePlace";

const GAP = 6;
const OVERSCAN = 3;
/** Rows before the end at which more is loaded. */
const AHEAD = 8;

interface Props {
  items: readonly LibraryItem[];
  activeId: string | null;
  selected: ReadonlySet<string>;
  /** Set to the rows as they are, for the keys. */
  rowsRef: RefObject<readonly Row[]>;
  onOpen: (id: string) => void;
  onSelect: (id: string, isRange: boolean) => void;
  onActive: (id: string) => void;
  /** Load more; undefined while there is no more, or more is on its way. */
  onEnd: (() => void) | undefined;
}

/** All outputs in rows that fill the page. Only those in sight are in the document, so thousands of them scroll well. */
export function Grid({ items, activeId, selected, rowsRef, onOpen, onSelect, onActive, onEnd }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const { width, top } = usePlace(place);
  const rows = useMemo(
    () => (width > 0 ? justified(items.map(ratioOf), width, heightFor(width), GAP) : []),
    [items, width],
  );
  const activeRow = rowOf(
    rows,
    items.findIndex((item) => item.id === activeId),
  );
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: (index) => (rows[index]?.height ?? 0) + GAP,
    overscan: OVERSCAN,
    scrollMargin: top,
    initialOffset: () => window.scrollY,
    rangeExtractor: useCallback((range: Range) => withRow(range, activeRow), [activeRow]),
    useFlushSync: false,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: other rows have other heights
  useLayoutEffect(() => {
    rowsRef.current = rows;
    virtualizer.measure();
  }, [rows, rowsRef]);
  const inSight = virtualizer.getVirtualItems();
  const isNearEnd = (virtualizer.range?.endIndex ?? 0) + AHEAD >= rows.length;
  useEffect(() => {
    if (isNearEnd && rows.length > 0) onEnd?.();
  }, [isNearEnd, rows.length, onEnd]);

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be justified
    <div
      role="grid"
      aria-label="Outputs"
      aria-multiselectable
      aria-rowcount={onEnd ? -1 : rows.length}
      ref={place}
      className={styles.grid}
      style={{ height: virtualizer.getTotalSize() }}
    >
      {inSight.map(({ key, index }) => {
        const row = rows[index];
        if (!row) return null;
        return (
          // biome-ignore lint/a11y/useSemanticElements: as above
          // biome-ignore lint/a11y/useFocusableInteractive: the tiles have the focus
          <div
            key={key}
            role="row"
            aria-rowindex={index + 1}
            className={styles.row}
            style={{ transform: `translateY(${row.top}px)`, height: row.height }}
          >
            {row.tiles.map((tile) => {
              const item = items[tile.index];
              return item ? (
                <Tile
                  key={item.id}
                  item={item}
                  left={tile.left}
                  width={tile.width}
                  height={row.height}
                  isActive={item.id === activeId}
                  isSelected={selected.has(item.id)}
                  onOpen={onOpen}
                  onSelect={onSelect}
                  onFocus={onActive}
                />
              ) : null;
            })}
          </div>
        );
      })}
    </div>
  );
}

function ratioOf({ width, height }: LibraryItem): number {
  return width && height ? width / height : 1;
}

function heightFor(width: number): number {
  if (width < 500) return 150;
  return width < 1000 ? 190 : 230;
}

/** The rows in sight, and the one that has the focus, which must not be lost when it is scrolled away. */
function withRow(range: Range, row: number): number[] {
  const rows = defaultRangeExtractor(range);
  if (row < 0 || row >= range.count || rows.includes(row)) return rows;
  return [...rows, row].sort((one, other) => one - other);
}
