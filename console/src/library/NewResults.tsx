import { useQueryClient } from "@tanstack/react-query";
import { ArrowUp } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../kit/Button";
import { useLiveJobs } from "../live/channel";
import { hasEnded } from "../live/state";
import type { Filters } from "../outputs/filters";
import { refreshTop } from "../outputs/queries";
import styles from "./LibraryPage.module.css";

/** Pixels from the top within which what is new may push the others down. */
const NEAR = 300;

/** Looks again at the top of a list that is loaded whenever a job begins or ends. While one has scrolled away nothing
 *  moves: a button says that there is something new. A component of its own, because jobs change all the time. */
export function NewResults({ filters }: { filters: Filters }) {
  const client = useQueryClient();
  const jobs = useLiveJobs();
  const happened = useMemo(
    () => jobs.map((job) => `${job.id}${hasEnded(job) ? job.status : ""}`).join(),
    [jobs],
  );
  const before = useRef<string | null>(null);
  const [isWaiting, setWaiting] = useState(false);
  const refresh = useCallback(() => {
    setWaiting(false);
    void refreshTop(client, filters).catch(() => {}); // the next event looks again
  }, [client, filters]);
  useEffect(() => {
    const isFirst = before.current === null;
    if (before.current === happened) return;
    before.current = happened;
    if (window.scrollY < NEAR) refresh();
    else if (!isFirst) setWaiting(true);
  }, [happened, refresh]);
  useEffect(() => {
    if (!isWaiting) return;
    const look = () => window.scrollY < NEAR && refresh();
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, [isWaiting, refresh]);
  if (!isWaiting) return null;
  return (
    <div className={styles.news}>
      <Button look="primary" icon={<ArrowUp />} onClick={() => window.scrollTo({ top: 0 })}>
        New results
      </Button>
    </div>
  );
}
