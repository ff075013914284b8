import { useCallback, useLayoutEffect, useRef, useState } from "react";
import { successor } from "./selection";

/** The tile that keys act on. When it goes, what followed it is next. */
export function useActive(order: readonly string[]) {
  const [wanted, setWanted] = useState("");
  const ordered = useRef<readonly string[]>([]); // when it was there for the last time
  const isThere = order.includes(wanted);
  const activeId = isThere ? wanted : successor(ordered.current, wanted, order);
  const isToFocus = useRef(false);
  const before = useRef(activeId);
  const focus = useCallback((id: string) => {
    isToFocus.current = true;
    setWanted(id);
  }, []);
  useLayoutEffect(() => {
    const isReplaced = before.current !== activeId && before.current !== null && hasNoFocus();
    before.current = activeId;
    if (isThere) ordered.current = order;
    else if (activeId !== null) setWanted(activeId);
    if (!isToFocus.current && !isReplaced) return;
    const tile = document.querySelector<HTMLElement>(`[data-id="${activeId}"]`);
    if (!tile) return;
    isToFocus.current = false;
    tile.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  });
  return { activeId, activate: setWanted, focus };
}

function hasNoFocus(): boolean {
  return document.activeElement === document.body || document.activeElement === null;
}
