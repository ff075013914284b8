import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { DeckView } from "../api/types";
import { Button, ButtonLink } from "../kit/Button";
import { count } from "../kit/format";
import { Page, useTitle } from "../kit/Page";
import { Empty, Gone, Skeleton } from "../kit/states";
import { useMe } from "../session/queries";
import { DeckActions } from "./DeckActions";
import { DeckGrid } from "./DeckGrid";
import styles from "./DeckPage.module.css";
import { DeckStatusMark } from "./DeckStatusMark";
import { deckQuery, decksQuery } from "./queries";

const route = getRouteApi("/decks/$id");

/** A deck: its results in their order. */
export function DeckPage() {
  const { id } = route.useParams();
  const query = useInfiniteQuery(deckQuery(id));
  const deck = query.data?.pages.at(-1);
  const isMine = useIsMine(deck);
  if (query.error && !deck) return <NoDeck problem={query.error} onRetry={() => query.refetch()} />;
  if (!deck) return <Loading />;
  const outputs = query.data?.pages.flatMap((part) => part.outputs) ?? [];
  return (
    <Page
      title={deck.name}
      about={<About deck={deck} />}
      actions={isMine && <DeckActions key={deck.id} deck={deck} />}
    >
      {outputs.length > 0 ? (
        <DeckGrid deck={deck} outputs={outputs} mayChange={isMine} />
      ) : (
        <Nothing deck={deck} />
      )}
      {query.hasNextPage && (
        <p className={styles.more}>
          <Button busy={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
            Show more of {count(deck.output_count)}
          </Button>
        </p>
      )}
    </Page>
  );
}

/** Return whether one may change a deck. Others see published ones only, so any other is one's own. */
function useIsMine(deck: DeckView | undefined): boolean {
  const { reads_only } = useMe();
  const mine = useQuery({ ...decksQuery, enabled: deck?.status === "published" }).data;
  if (!deck || reads_only) return false;
  return deck.status !== "published" || (mine?.some(({ id }) => id === deck.id) ?? false);
}

function About({ deck }: { deck: DeckView }) {
  return (
    <div className={styles.about}>
      {deck.description && <p>{deck.description}</p>}
      <p className={styles.line}>
        <span>{deck.output_count === 1 ? "1 result" : `${count(deck.output_count)} results`}</span>
        <span>{deck.collection.title}</span>
        <DeckStatusMark status={deck.status} />
      </p>
    </div>
  );
}

function Nothing({ deck }: { deck: DeckView }) {
  const takes = deck.status === "active" || deck.status === "published";
  return (
    <Empty
      title="This deck is empty"
      action={
        takes && (
          <ButtonLink to="/create/$collection" params={{ collection: deck.collection_id }} look="primary">
            Create with {deck.collection.title}
          </ButtonLink>
        )
      }
    >
      {takes
        ? "What you generate goes to the newest active deck of its collection. You can also move results here from the library."
        : `A ${deck.status} deck takes no results.`}
    </Empty>
  );
}

function Loading() {
  useTitle("Deck");
  return (
    <div className={styles.loading}>
      <Skeleton className={styles.heading} />
      <Skeleton className={styles.pictures} />
    </div>
  );
}

function NoDeck({ problem, onRetry }: { problem: Error; onRetry: () => void }) {
  useTitle("No such deck");
  const action = (
    <ButtonLink to="/decks" search={{}}>
      Show your decks
    </ButtonLink>
  );
  return (
    <Gone problem={problem} onRetry={onRetry} title="There is no such deck" action={action}>
      It may be gone, or belong to somebody who has not published it.
    </Gone>
  );
}
