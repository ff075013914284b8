import { Skeleton } from "../kit/states";
import styles from "./Recent.module.css";

/** What the results look like before they are there. */
export function RecentSkeleton() {
  return (
    <div className={styles.grid}>
      {Array.from({ length: 9 }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <Skeleton key={index} className={styles.skeleton} />
      ))}
    </div>
  );
}
