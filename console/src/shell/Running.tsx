import { useEffect } from "react";
import { setTitlePrefix } from "../kit/title";
import { useLiveJobs } from "../live/channel";
import { hasEnded } from "../live/state";
import styles from "./Running.module.css";

/** How many jobs are open: a number at the place that leads to them, and in the browser's tab. */
export function Running() {
  const open = useLiveJobs().filter((job) => !hasEnded(job)).length;
  useEffect(() => {
    setTitlePrefix(open > 0 ? `(${open})` : "");
    return () => setTitlePrefix("");
  }, [open]);
  if (open === 0) return null;
  return (
    <span className={styles.number}>
      {open > 99 ? "99+" : open}
      <span className="visually-hidden"> open</span>
    </span>
  );
}
