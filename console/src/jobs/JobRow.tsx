import { Link } from "@tanstack/react-router";
import { classes } from "../kit/classes";
import { count, duration } from "../kit/format";
import { Progress, Status } from "../kit/states";
import { Elapsed, Time } from "../kit/Time";
import { usePreview } from "../live/channel";
import type { LiveJob } from "../live/messages";
import { localUrl } from "../outputs/kinds";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./JobRow.module.css";
import { titleOf } from "./names";
import type { Selection } from "./useSelection";

/** A job in a list. The whole row leads to it. */
export function JobRow({ job, selection }: { job: LiveJob; selection: Selection | null }) {
  const isSelected = selection?.ids.has(job.id) ?? false;
  const anySelected = (selection?.ids.size ?? 0) > 0;
  return (
    <div className={classes(styles.row, isSelected && styles.selected)}>
      <div className={styles.picture}>
        <Picture job={job} />
        {selection && (
          <input
            type="checkbox"
            className={classes(styles.check, anySelected && styles.always)}
            aria-label={`Select ${titleOf(job)}`}
            checked={isSelected}
            onClick={(event) => selection.toggle(job.id, event.shiftKey)}
            readOnly
          />
        )}
      </div>
      <div className={styles.what}>
        <Link to="/jobs/$id" params={{ id: job.id }} className={styles.link}>
          {titleOf(job)}
        </Link>
        {job.status === "failed" && !job.cancelled && (
          <span className={styles.error}>{job.error_message ?? "It failed without a reason."}</span>
        )}
      </div>
      <div className={styles.state}>
        <Status status={job.status} {...(job.cancelled ? { word: "Cancelled" } : {})} />
        {job.status === "processing" && (
          <Progress value={job.progress} label={`Progress of ${titleOf(job)}`} />
        )}
      </div>
      <span className={styles.times}>
        <Times job={job} />
      </span>
      <span className={styles.cost}>{job.cost ? creditsOf(job.cost) : ""}</span>
      <span className={styles.when}>
        <Time at={job.created_at} />
      </span>
    </div>
  );
}

function creditsOf(cost: number): string {
  return cost === 1 ? "1 credit" : `${count(cost)} credits`;
}

function Picture({ job }: { job: LiveJob }) {
  const preview = usePreview(job.status === "processing" ? job.id : null);
  if (preview?.url) return <img src={localUrl(preview.url)} alt="" />;
  if (job.thumbnail_url === null && job.mime_type === null) return null;
  return (
    <Thumbnail file={{ url: null, mime_type: job.mime_type, thumbnail_url: job.thumbnail_url }} alt="" />
  );
}

function Times({ job }: { job: LiveJob }) {
  if (job.status === "pending") {
    return (
      <>
        waits <Elapsed since={job.created_at} />
      </>
    );
  }
  if (job.status === "processing" && job.started_at) {
    return (
      <>
        runs <Elapsed since={job.started_at} />
      </>
    );
  }
  if (job.run_seconds === null) return "never ran";
  const waited = job.wait_seconds && job.wait_seconds >= 1 ? `waited ${duration(job.wait_seconds)}, ` : "";
  return `${waited}ran ${duration(job.run_seconds)}`;
}
