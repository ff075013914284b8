import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { LibraryItem, Output } from "../api/types";
import { Progress } from "../kit/states";
import { useLiveJob, usePreview } from "../live/channel";
import { hasEnded } from "../live/state";
import { refreshItem } from "./changes";
import styles from "./Growing.module.css";
import { nameOf } from "./names";

/** Milliseconds after the end of a job in which lists mostly have its result; after that, a result asks for its own. */
const PATIENCE = 1500;

/** A result that is being made: its preview, and how far it is. It fills its place. */
export function Growing({ output }: { output: LibraryItem | Output }) {
  const job = useLiveJob(output.job_id);
  const preview = usePreview(output.job_id);
  const client = useQueryClient();
  const isOver = job !== undefined && hasEnded(job);
  useEffect(() => {
    if (!isOver) return;
    const timer = setTimeout(() => void refreshItem(client, output.id).catch(() => {}), PATIENCE);
    return () => clearTimeout(timer);
  }, [isOver, client, output.id]);
  const progress = job?.progress ?? ("progress" in output ? output.progress : null);
  const word = isOver ? "Finishing" : progress ? `${Math.floor(progress)} %` : "Waiting";
  return (
    <span className={styles.growing}>
      {preview?.url ? (
        <img src={preview.url} alt="" className={styles.preview} />
      ) : (
        <span className={styles.words}>{preview?.text ?? nameOf(output)}</span>
      )}
      <span className={styles.progress}>
        <span>{word}</span>
        <Progress value={progress && progress > 0 ? progress : null} label={`Making ${nameOf(output)}`} />
      </span>
    </span>
  );
}
