import type { Job } from "../api/types";
import { JsonView } from "../kit/JsonView";
import styles from "./JobPayload.module.css";

/** What the job was asked for, and everything that belongs to it as it is stored. */
export function JobPayload({ job }: { job: Job }) {
  const { variables, ...rest } = job.data;
  return (
    <section className={styles.payload} aria-label="Parameters">
      <h2>Parameters</h2>
      {Object.keys(variables).length === 0 ? (
        <p className={styles.none}>None were sent, so all have their usual values.</p>
      ) : (
        <JsonView value={variables} label="Variables" />
      )}
      <details>
        <summary>More data</summary>
        <JsonView value={rest} label="More data" open={1} />
      </details>
    </section>
  );
}
