import { useMemo, useRef } from "react";
import { Problem } from "../api/problem";
import { complain } from "../kit/toasts";
import type { LiveJob } from "../live/messages";
import { idsOf, MOST_SELECTED } from "./search";

/** Which jobs are selected, and how to change that. */
export interface Selection {
  ids: ReadonlySet<string>;
  /** The selected jobs that are loaded. */
  jobs: LiveJob[];
  /** Select a job or no longer; `whole`: all from the last one to it. */
  toggle: (id: string, whole: boolean) => void;
  clear: () => void;
}

/** Read the selection from the address, and write it there. */
export function useSelection(
  selected: string | undefined,
  loaded: LiveJob[],
  onChange: (selected: string | undefined) => void,
): Selection {
  const last = useRef<string | null>(null);
  const ids = useMemo(() => new Set(idsOf(selected)), [selected]);
  const jobs = useMemo(() => loaded.filter((job) => ids.has(job.id)), [loaded, ids]);
  const set = (changed: Set<string>) => {
    if (changed.size > MOST_SELECTED) {
      void complain(new Problem(`At most ${MOST_SELECTED} jobs can be selected.`, 0, "too_many"));
      return;
    }
    onChange(changed.size > 0 ? [...changed].join(".") : undefined);
  };
  return {
    ids,
    jobs,
    toggle: (id, whole) => {
      const changed = new Set(ids);
      const range = whole && last.current ? between(loaded, last.current, id) : [id];
      const add = !ids.has(id);
      for (const one of range) {
        if (add) changed.add(one);
        else changed.delete(one);
      }
      last.current = id;
      set(changed);
    },
    clear: () => onChange(undefined),
  };
}

function between(jobs: LiveJob[], one: string, other: string): string[] {
  const places = [one, other].map((id) => jobs.findIndex((job) => job.id === id));
  if (places.includes(-1)) return [other];
  return jobs.slice(Math.min(...places), Math.max(...places) + 1).map((job) => job.id);
}
