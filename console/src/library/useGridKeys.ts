import type { RefObject } from "react";
import type { LibraryItem } from "../api/types";
import { type Hotkey, useHotkeys } from "../kit/hotkeys";
import { neighbour, type Row } from "./layout";

interface Wanted {
  items: readonly LibraryItem[];
  activeId: string | null;
  rows: RefObject<readonly Row[]>;
  /** Whether nothing is open over the grid. */
  isFree: boolean;
  hasSelection: boolean;
  mayChange: boolean;
  go: (id: string) => void;
  onSelect: (id: string, isRange: boolean) => void;
  onSelectAll: () => void;
  onClear: () => void;
  onStar: () => void;
  onHide: () => void;
  onCompare: () => void;
}

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

/** The keys of the grid: they act on the tile that has the focus, or on what is selected. */
export function useGridKeys(wanted: Wanted): void {
  const { items, activeId, rows, go, onSelect } = wanted;
  const move = ({ key, shiftKey }: KeyboardEvent) => {
    const from = items.findIndex((item) => item.id === activeId);
    const next = items[from < 0 ? 0 : neighbour(rows.current, from, key)];
    if (!next) return;
    if (shiftKey && activeId) onSelect(next.id, true);
    go(next.id);
  };
  const arrows = ARROWS.map((keys): Hotkey => ({ keys, when: inGrid, run: move }));
  if (arrows[0]) arrows[0].does = "Move in the grid; with Shift, select";
  const changes: Hotkey[] = [
    { keys: "s", does: "Star", when: onPage, run: wanted.onStar },
    { keys: "x", does: "Hide", when: onPage, run: wanted.onHide },
  ];
  useHotkeys(
    [
      ...arrows,
      { keys: "Enter", does: "Open in full", when: () => false, run: () => {} },
      {
        keys: "space",
        does: "Select",
        when: inGrid,
        run: ({ shiftKey }) => activeId && onSelect(activeId, shiftKey),
      },
      { keys: "mod+a", does: "Select all that are loaded", when: onPage, run: wanted.onSelectAll },
      ...(wanted.mayChange ? changes : []),
      { keys: "c", does: "Compare two that are selected", when: onPage, run: wanted.onCompare },
      {
        keys: "Escape",
        does: "Select none",
        when: (event) => wanted.hasSelection && onPage(event),
        run: wanted.onClear,
      },
    ],
    wanted.isFree,
  );
}

/** Whether a key was pressed on a tile, or nowhere in particular. */
function inGrid({ target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  return target === document.body || target.id === "page" || target.closest("[role=grid]") !== null;
}

/** Whether a key was pressed on the page, not in something that is open over it. */
function onPage({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest("[role=dialog],[role=menu]") === null;
}
