import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight, FileText, Film, Image, type LucideIcon, Sparkles } from "lucide-react";
import type { Collection } from "../api/types";
import { collectionsQuery } from "../create/queries";
import { Skeleton } from "../kit/states";
import styles from "./QuickCreate.module.css";
import { newestJobsQuery } from "./queries";
import { likely } from "./quick";

const MOST = 4;
const ICONS: Record<string, LucideIcon> = { image: Image, video: Film, text: FileText };

/** The collections that were used last, one click away. */
export function QuickCreate() {
  const collections = useQuery(collectionsQuery);
  const jobs = useQuery(newestJobsQuery);
  if (collections.isPending || jobs.isPending) return <Skeleton className={styles.skeleton} />;
  const offered = likely(collections.data ?? [], jobs.data ?? [], MOST);
  if (offered.length === 0) return null;
  return (
    <nav className={styles.row} aria-label="Create">
      {offered.map((collection, index) => (
        <Entry key={collection.id} collection={collection} isFirst={index === 0} />
      ))}
      <Link to="/create" className={styles.all}>
        All collections
        <ArrowRight aria-hidden />
      </Link>
    </nav>
  );
}

function Entry({ collection, isFirst }: { collection: Collection; isFirst: boolean }) {
  const Icon = ICONS[collection.output_type ?? ""] ?? Sparkles;
  return (
    <Link
      to="/create/$collection"
      params={{ collection: collection.slug ?? collection.id }}
      className={isFirst ? styles.first : styles.entry}
    >
      <Icon aria-hidden />
      {collection.title}
    </Link>
  );
}
