import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button, ButtonLink } from "../kit/Button";
import { Page } from "../kit/Page";
import { Segmented } from "../kit/Segmented";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { useMe } from "../session/queries";
import { DeckCard } from "./DeckCard";
import styles from "./DecksPage.module.css";
import { NewDeckDialog } from "./NewDeckDialog";
import { decksByStatusQuery, decksQuery } from "./queries";
import { DECK_STATUSES, type DeckStatus } from "./search";

const route = getRouteApi("/decks");
const OPTIONS: { value: DeckStatus | "all"; label: string }[] = [
  { value: "all", label: "All" },
  { value: "published", label: "Published" },
  { value: "locked", label: "Locked" },
  { value: "archived", label: "Archived" },
];

/** One's decks. */
export function DecksPage() {
  const { status } = route.useSearch();
  const navigate = route.useNavigate();
  const [making, setMaking] = useState(false);
  const all = useQuery({ ...decksQuery, enabled: !status });
  const some = useQuery({ ...decksByStatusQuery(status ?? "active"), enabled: status !== undefined });
  const decks = status ? some : all;
  const choose = (chosen: DeckStatus | "all") =>
    void navigate({
      search: DECK_STATUSES.some((one) => one === chosen) ? { status: chosen as DeckStatus } : {},
      replace: true,
    });
  const button = (
    <Button look="primary" icon={<Plus />} onClick={() => setMaking(true)}>
      New deck
    </Button>
  );
  const mayChange = !useMe().reads_only;
  return (
    <Page title="Decks" actions={mayChange && button}>
      <div className={styles.filter}>
        <Segmented label="Which decks" value={status ?? "all"} options={OPTIONS} onChange={choose} />
      </div>
      {decks.error && <ProblemNote problem={decks.error} onRetry={() => decks.refetch()} />}
      <ul className={styles.grid}>
        {decks.isPending && !decks.error && <Skeletons />}
        {decks.data?.map((deck) => (
          <li key={deck.id}>
            <DeckCard deck={deck} />
          </li>
        ))}
      </ul>
      {decks.data?.length === 0 && <Nothing status={status} />}
      <NewDeckDialog open={making} onClose={() => setMaking(false)} />
    </Page>
  );
}

function Nothing({ status }: { status: DeckStatus | undefined }) {
  if (status) {
    return (
      <Empty
        title={`No deck is ${status}`}
        action={
          <ButtonLink to="/decks" search={{}}>
            Show all decks
          </ButtonLink>
        }
      >
        Open a deck to publish, lock or archive it.
      </Empty>
    );
  }
  return (
    <Empty
      title="No decks yet"
      action={
        <ButtonLink to="/create" look="primary">
          Create something
        </ButtonLink>
      }
    >
      A deck is an album of results. The first one is made by itself when you generate, or make one now and
      fill it later.
    </Empty>
  );
}

function Skeletons() {
  return Array.from({ length: 6 }, (_, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
    <li key={index}>
      <Skeleton className={styles.skeleton} />
    </li>
  ));
}
