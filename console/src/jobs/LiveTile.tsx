import { Link } from "@tanstack/react-router";
import { Progress } from "../kit/states";
import { usePreview } from "../live/channel";
import type { LiveJob } from "../live/messages";
import { localUrl } from "../outputs/kinds";
import styles from "./LiveTile.module.css";
import { titleOf } from "./names";

/** A running job as a tile: what it is making, and how far it is. It leads to the job. */
export function LiveTile({ job }: { job: LiveJob }) {
  const preview = usePreview(job.id);
  return (
    <Link to="/jobs/$id" params={{ id: job.id }} className={styles.tile}>
      <span className={styles.picture}>
        {preview?.url && <img src={localUrl(preview.url)} alt="" />}
        {preview?.text && <span className={styles.text}>{preview.text}</span>}
      </span>
      <span className={styles.words}>
        <strong>{titleOf(job)}</strong>
        <span className={styles.state}>{Math.floor(job.progress ?? 0)} %</span>
      </span>
      <Progress value={job.progress} label={`Progress of ${titleOf(job)}`} />
    </Link>
  );
}
