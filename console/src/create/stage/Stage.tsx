import type { Collection } from "../../api/types";
import { Empty, Skeleton } from "../../kit/states";
import type { Field } from "../form/fields";
import { JobStage } from "./JobStage";
import styles from "./Stage.module.css";

interface Props {
  /** The job that is shown; undefined: none yet. */
  jobId: string | undefined;
  /** Keys of requests that are not answered yet. */
  sending: readonly string[];
  /** Whether it is known that there is no job, if there is none. */
  empty: boolean;
  collection: Collection;
  fields: readonly Field[];
}

/** Where the picture is: what a job made or is making, big. */
export function Stage({ jobId, sending, empty, collection, fields }: Props) {
  if (jobId !== undefined) return <JobStage key={jobId} id={jobId} collection={collection} fields={fields} />;
  if (sending.length > 0 || !empty) return <Skeleton className={styles.waiting} />;
  return (
    <div className={styles.empty}>
      <Empty title="Your result appears here">
        Fill in the form and press Generate. You can begin several, one after the other.
      </Empty>
    </div>
  );
}
