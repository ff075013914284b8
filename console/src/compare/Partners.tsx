import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { itemsOf } from "../outputs/lists";
import { nameOf } from "../outputs/names";
import { listQuery, outputQuery } from "../outputs/queries";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./ComparePage.module.css";

/** The newest outputs, one of which to compare another one with: first those of the same collection. */
export function Partners({ id }: { id: string }) {
  const output = useQuery(outputQuery(id)).data;
  const list = useInfiniteQuery(listQuery({ status: "completed" }));
  if (list.isError) return <ProblemNote problem={list.error} onRetry={() => list.refetch()} />;
  if (list.isPending) return <Skeleton className={styles.waiting} />;
  const others = itemsOf(list.data).filter((item) => item.id !== id);
  const isNear = (item: (typeof others)[number]) => item.collection_id === output?.collection_id;
  const sorted = [...others.filter(isNear), ...others.filter((item) => !isNear(item))];
  if (sorted.length === 0) return <Empty title="There is nothing else yet">Make another one first.</Empty>;
  return (
    <ul className={styles.partners}>
      {sorted.map((item) => (
        <li key={item.id}>
          <Link to="/compare" search={{ a: id, b: item.id }} replace>
            <Thumbnail file={item} alt={nameOf(item)} />
          </Link>
        </li>
      ))}
    </ul>
  );
}
