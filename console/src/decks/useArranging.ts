import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import { moved, target } from "./order";

/** Pixels that a pointer goes before it drags. */
const SLACK = 6;
/** Pixels from the edge of the window within which it scrolls, and how far at a time. */
const EDGE = 70;
const SCROLL = 14;

interface Held {
  id: string;
  /** Where it was picked up, and where it is now. */
  from: number;
  at: number;
  by: "pointer" | "keys";
}

interface Named {
  id: string;
}

/** Let things of a grid change places, by dragging and by keys. */
export interface Arranging {
  held: Held | null;
  /** What screen readers are to say. */
  said: string;
  /** The grid itself, whose children name their things by `data-thing`. */
  grid: React.RefObject<HTMLUListElement | null>;
  /** Where each thing is drawn meanwhile. */
  placeOf: (id: string) => number;
  onPointerDown: (event: PointerEvent, id: string) => void;
  /** Keys on the handle of a thing. */
  onKeyDown: (event: KeyboardEvent, id: string) => void;
  /** Whether the click that follows is the end of a drag. */
  wasDragged: () => boolean;
}

/** `onMove` hears of a move when the thing is put down. */
export function useArranging(
  things: readonly Named[],
  onMove: (from: number, to: number) => void,
): Arranging {
  const [held, setHeld] = useState<Held | null>(null);
  const [said, setSaid] = useState("");
  const grid = useRef<HTMLUListElement>(null);
  const dragged = useRef(false);
  const latest = useRef(held);
  latest.current = held;
  const order = held ? moved(things, held.from, held.at) : things;
  const hold = (now: Held | null) => {
    latest.current = now;
    setHeld(now);
  };
  const move = (now: Held, at: number) => {
    if (at === now.at) return;
    hold({ ...now, at });
    setSaid(`Place ${at + 1} of ${things.length}.`);
  };
  const drop = (isWanted: boolean) => {
    const now = latest.current;
    if (!now) return;
    hold(null);
    setSaid(isWanted ? `Put down at place ${now.at + 1} of ${things.length}.` : "Left where it was.");
    if (isWanted && now.at !== now.from) onMove(now.from, now.at);
  };
  const begin = (id: string, by: Held["by"]): Held | null => {
    const from = things.findIndex((thing) => thing.id === id);
    if (from === -1) return null;
    const now = { id, from, at: from, by };
    hold(now);
    setSaid(
      `Picked up from place ${from + 1} of ${things.length}. Arrows move it, Space puts it down, Escape leaves it.`,
    );
    return now;
  };

  const follow = (x: number, y: number) => {
    const now = latest.current;
    const over = document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-thing]")?.dataset.thing;
    const index = order.findIndex((thing) => thing.id === over);
    if (now && over !== now.id && index !== -1) move(now, placeIn(things, now, over));
    if (y < EDGE) window.scrollBy(0, -SCROLL);
    if (y > window.innerHeight - EDGE) window.scrollBy(0, SCROLL);
  };
  const handlers = useRef({ follow, drop, begin });
  useEffect(() => {
    handlers.current = { follow, drop, begin };
  });
  return {
    held,
    said,
    grid,
    placeOf: (id) => order.findIndex((thing) => thing.id === id),
    wasDragged: () => dragged.current,
    onPointerDown: (event, id) => {
      if (event.button !== 0) return;
      dragged.current = false;
      listen(event.clientX, event.clientY, {
        onStart: () => {
          dragged.current = true;
          handlers.current.begin(id, "pointer");
        },
        onMove: (x, y) => handlers.current.follow(x, y),
        onEnd: (isWanted) => handlers.current.drop(isWanted),
      });
    },
    onKeyDown: (event, id) => {
      if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        if (held) drop(true);
        else begin(id, "keys");
        return;
      }
      if (!held) return;
      const columns = grid.current ? getComputedStyle(grid.current).gridTemplateColumns.split(" ").length : 1;
      const to = target(event.key, held.at, things.length, columns);
      if (event.key === "Escape") drop(false);
      else if (to === null) return;
      else move(held, to);
      event.preventDefault();
    },
  };
}

/** Where a held thing goes that is over another one: to the other's place. */
function placeIn(things: readonly Named[], held: Held, over: string | undefined): number {
  return moved(things, held.from, held.at).findIndex((thing) => thing.id === over);
}

interface Drag {
  onStart: () => void;
  onMove: (x: number, y: number) => void;
  onEnd: (isWanted: boolean) => void;
}

/** Follow a pointer that was pressed until it is let go. */
function listen(startX: number, startY: number, drag: Drag): void {
  const over = new AbortController();
  const { signal } = over;
  let started = false;
  const end = (isWanted: boolean) => {
    over.abort();
    if (started) drag.onEnd(isWanted);
  };
  window.addEventListener(
    "pointermove",
    ({ clientX, clientY }) => {
      if (!started && Math.hypot(clientX - startX, clientY - startY) < SLACK) return;
      if (!started) drag.onStart();
      started = true;
      drag.onMove(clientX, clientY);
    },
    { signal },
  );
  window.addEventListener("pointerup", () => end(true), { signal });
  window.addEventListener("pointercancel", () => end(false), { signal });
  window.addEventListener("keydown", ({ key }) => key === "Escape" && end(false), { signal });
}
