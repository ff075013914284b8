import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { Skeleton } from "../kit/states";
import type { LiveJob } from "../live/messages";
import styles from "./JobList.module.css";
import { JobRow } from "./JobRow";
import type { Selection } from "./useSelection";

const USUAL_HEIGHT = 64;
const AHEAD = 10;

interface Props {
  jobs: LiveJob[];
  /** Null: nothing can be selected. */
  selection: Selection | null;
  hasMore: boolean;
  onMore: () => void;
}

/** Rows of jobs, of which only those in sight are drawn. What follows is loaded when its time comes. */
export function JobList({ jobs, selection, hasMore, onMore }: Props) {
  const place = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    setTop(place.current ? place.current.getBoundingClientRect().top + window.scrollY : 0);
  }, []);
  const rows = useWindowVirtualizer({
    count: jobs.length,
    estimateSize: () => USUAL_HEIGHT,
    overscan: AHEAD,
    scrollMargin: top,
    getItemKey: (index) => jobs[index]?.id ?? index,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= jobs.length - AHEAD) onMore();
  });
  return (
    <>
      <ul ref={place} className={styles.list} style={{ height: rows.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const job = jobs[index];
          return (
            job && (
              <li
                key={key}
                data-index={index}
                ref={rows.measureElement}
                aria-setsize={hasMore ? -1 : jobs.length}
                aria-posinset={index + 1}
                style={{ translate: `0 ${start - top}px` }}
              >
                <JobRow job={job} selection={selection} />
              </li>
            )
          );
        })}
      </ul>
      {hasMore && <p className={styles.more}>Loading older jobs…</p>}
    </>
  );
}

/** What the list looks like before it is there. */
export function JobListSkeleton() {
  return (
    <div className={styles.skeletons}>
      {Array.from({ length: 8 }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <Skeleton key={index} className={styles.skeleton} />
      ))}
    </div>
  );
}
