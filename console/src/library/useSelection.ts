import { useCallback, useEffect, useRef, useState } from "react";
import { type Selection, selectionOf, written } from "./selection";

/** The selection, which the address repeats. `write` puts it there; another address is another selection. */
export function useSelection(text: string | undefined, write: (text: string | undefined) => void) {
  const [selection, setSelection] = useState(() => selectionOf(text));
  const known = useRef(text);
  useEffect(() => {
    if (text === known.current) return;
    known.current = text;
    setSelection(selectionOf(text));
  }, [text]);
  const select = useCallback(
    (change: (selection: Selection) => Selection) => {
      const next = change(selection);
      setSelection(next);
      known.current = written(next);
      write(known.current);
    },
    [selection, write],
  );
  return [selection, select] as const;
}
