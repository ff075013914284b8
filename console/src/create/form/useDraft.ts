import { useCallback, useEffect, useState } from "react";
import { recall, remember } from "../../kit/storage";
import type { Field } from "./fields";
import { type Draft, fitted, freshDraft } from "./values";

/** What is being filled in, kept by the browser until it is sent, and after: reloading changes nothing. */
export function useDraft(name: string, fields: readonly Field[]) {
  const place = `draft.${name}`;
  const [draft, setDraft] = useState<Draft>(() => fitted(fields, stored(place)));
  useEffect(() => {
    const isFresh = JSON.stringify(draft) === JSON.stringify(freshDraft(fields));
    remember(place, isFresh ? null : JSON.stringify(draft));
  }, [place, draft, fields]);
  const change = useCallback((changes: Draft) => setDraft((before) => ({ ...before, ...changes })), []);
  return { draft, change };
}

function stored(place: string): unknown {
  try {
    return JSON.parse(recall(place) ?? "null");
  } catch {
    return null;
  }
}
