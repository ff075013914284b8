import { Link } from "@tanstack/react-router";
import type { Job } from "../api/types";
import { Skeleton } from "../kit/states";
import { usePreview } from "../live/channel";
import { localUrl } from "../outputs/kinds";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./JobResults.module.css";
import { type Result, resultsOf } from "./results";
import { useEvidence } from "./useEvidence";

/** What the job has made, and what it is making. */
export function JobResults({ job }: { job: Job }) {
  const evidence = useEvidence(job);
  const preview = usePreview(job.status === "processing" ? job.id : null);
  const results = evidence.data ? resultsOf(evidence.data) : [];
  if (evidence.isPending) return <Skeleton className={styles.place} />;
  const isOne = results.length <= 1;
  if (results.every((result) => result.url === null)) {
    if (job.status !== "processing") return null;
    return (
      <div className={styles.place}>
        {preview?.url && <img src={localUrl(preview.url)} alt="What it is making" />}
        {preview?.text && <p>{preview.text}</p>}
      </div>
    );
  }
  return (
    <ul className={isOne ? styles.one : styles.grid} aria-label="Results">
      {results.map((result, index) => (
        <li key={result.id}>
          <Tile result={result} label={isOne ? "Result" : `Result ${index + 1}`} large={isOne} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ result, label, large }: { result: Result; label: string; large: boolean }) {
  if (result.url === null) return <Skeleton className={styles.waiting} />;
  const ratio = large && result.width && result.height ? result.width / result.height : 1;
  const isPicture = result.mime_type?.startsWith("image/");
  const file = large && isPicture ? { ...result, thumbnail_url: null } : result;
  return (
    <Link to="/o/$id" params={{ id: result.id }} className={styles.tile} style={{ aspectRatio: ratio }}>
      <Thumbnail file={file} alt={label} />
    </Link>
  );
}
