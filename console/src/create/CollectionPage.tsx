import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { ButtonLink } from "../kit/Button";
import { useTitle } from "../kit/Page";
import { Gone, Skeleton } from "../kit/states";
import { fieldsOf } from "./form/fields";
import { collectionQuery, formQuery } from "./queries";
import { Studio } from "./Studio";
import styles from "./Studio.module.css";

/** Generate from one collection. */
export function CollectionPage() {
  const { collection: ref } = useParams({ from: "/create/$collection" });
  const collection = useQuery(collectionQuery(ref));
  const form = useQuery(formQuery(ref));
  const fields = useMemo(() => (form.data ? fieldsOf(form.data) : null), [form.data]);
  useTitle(collection.data?.title ?? "Create");

  const problem = collection.error ?? form.error;
  if (problem) {
    const again = () => void Promise.all([collection.refetch(), form.refetch()]);
    const action = (
      <ButtonLink to="/create" look="primary">
        See all collections
      </ButtonLink>
    );
    return (
      <Gone problem={problem} onRetry={again} title="There is no such collection" action={action}>
        It may have been archived, or not published yet.
      </Gone>
    );
  }
  if (!collection.data || !fields) return <Placeholder />;
  return <Studio key={collection.data.id} collection={collection.data} fields={fields} />;
}

function Placeholder() {
  return (
    <div className={styles.studio} role="status" aria-label="Loading the collection">
      <div className={styles.loading}>
        <Skeleton style={{ height: "2rem", width: "60%" }} />
        <Skeleton style={{ height: "7rem" }} />
        <Skeleton style={{ height: "2.5rem" }} />
        <Skeleton style={{ height: "2.5rem" }} />
      </div>
      <Skeleton className={styles.stage} />
    </div>
  );
}
