import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Search } from "lucide-react";
import type { Collection, LibraryItem } from "../api/types";
import { Button } from "../kit/Button";
import { TextInput } from "../kit/Fields";
import { Page } from "../kit/Page";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { CollectionCard } from "./CollectionCard";
import styles from "./CreatePage.module.css";
import { collectionsQuery, coversQuery } from "./queries";
import { matches } from "./search";

/** What one can generate from. */
export function CreatePage() {
  const { q = "" } = useSearch({ from: "/create" });
  const navigate = useNavigate({ from: "/create" });
  const collections = useQuery(collectionsQuery);
  const covers = useQuery(coversQuery);
  const look = (text: string) => void navigate({ search: text === "" ? {} : { q: text }, replace: true });
  const found = collections.data?.filter(({ title, description, slug }) =>
    matches(`${title} ${description} ${slug ?? ""}`, q.trim()),
  );
  return (
    <Page
      title="Create"
      about="Choose what to generate from."
      actions={
        (collections.data?.length ?? 0) > 1 || q !== "" ? (
          <search className={styles.search}>
            <Search aria-hidden />
            <TextInput
              type="search"
              aria-label="Search collections"
              placeholder="Search"
              value={q}
              onChange={(event) => look(event.target.value)}
            />
          </search>
        ) : undefined
      }
    >
      {collections.error && (
        <ProblemNote problem={collections.error} onRetry={() => void collections.refetch()} />
      )}
      {collections.isPending && <Placeholders />}
      {collections.data?.length === 0 && <NothingPublished />}
      {found?.length === 0 && q !== "" && (
        <Empty
          title="No collection has these words"
          action={<Button onClick={() => look("")}>Show all</Button>}
        >
          Look for part of a title or a description.
        </Empty>
      )}
      {found && found.length > 0 && <Cards collections={found} examples={covers.data ?? []} />}
    </Page>
  );
}

function Cards({ collections, examples }: { collections: Collection[]; examples: LibraryItem[] }) {
  const newest = new Map<string, LibraryItem>();
  for (const output of examples) {
    const known = newest.get(output.collection_id);
    if (!known) newest.set(output.collection_id, output);
  }
  return (
    <ul className={styles.grid}>
      {collections.map((collection) => (
        <li key={collection.id}>
          <CollectionCard collection={collection} example={newest.get(collection.id)} />
        </li>
      ))}
    </ul>
  );
}

function Placeholders() {
  return (
    <div className={styles.grid} role="status" aria-label="Loading collections">
      {["a", "b", "c", "d", "e", "f"].map((key) => (
        <Skeleton key={key} className={styles.placeholder} />
      ))}
    </div>
  );
}

function NothingPublished() {
  return (
    <Empty title="Nothing to generate from yet">
      A collection shows here once it is published: send <code>POST /api/collections/…/publish</code> for one
      of yours, or run <code>emprops db seed</code> to get the samples.
    </Empty>
  );
}
