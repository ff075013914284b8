import { useQuery } from "@tanstack/react-query";
import { FolderMinus, FolderOpen } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Deck, LibraryItem } from "../api/types";
import { decksQuery, useCreateDeck } from "../decks/queries";
import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import { TextInput } from "../kit/Fields";
import { numbered } from "../kit/format";
import { ProblemNote, Skeleton } from "../kit/states";
import { useMove } from "./changes";
import styles from "./dialogs.module.css";

interface Props {
  open: boolean;
  onClose: () => void;
  ids: readonly string[];
  /** What is known of them. */
  outputs: readonly Pick<LibraryItem, "collection_id" | "source_output_id" | "deck_id">[];
}

/** Choose the deck that outputs go to, or make one. A deck holds what one collection made, and what was developed from that. */
export function DeckDialog({ open, onClose, ids, outputs }: Props) {
  const decks = useQuery({ ...decksQuery, enabled: open });
  const move = useMove();
  const made = useCreateDeck();
  const [name, setName] = useState("");
  const bound = [...new Set(outputs.filter((one) => !one.source_output_id).map((one) => one.collection_id))];
  const [collection = outputs[0]?.collection_id] = bound;
  const choices = (decks.data ?? []).filter(
    ({ status, collection_id }) =>
      (status === "active" || status === "published") && bound.every((one) => one === collection_id),
  );
  const go = (deck: Pick<Deck, "id" | "name"> | null) => {
    move.mutate({ ids: [...ids], deck });
    onClose();
  };
  const make = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim() || !collection) return;
    made.mutate({ collection_id: collection, name: name.trim() }, { onSuccess: go });
  };
  const about =
    bound.length > 1
      ? "These were made with several collections, and a deck holds those of one. Select fewer to move them."
      : `Where should ${ids.length === 1 ? "it" : `these ${numbered(ids.length, "output")}`} go?`;
  return (
    <Dialog open={open} onClose={onClose} title="Move to a deck" about={about}>
      {decks.isPending && <Skeleton className={styles.waiting} />}
      {decks.isError && <ProblemNote problem={decks.error} onRetry={() => decks.refetch()} />}
      <ul className={styles.list}>
        {choices.map((deck) => (
          <li key={deck.id}>
            <button type="button" className={styles.choice} onClick={() => go(deck)}>
              <FolderOpen aria-hidden />
              <span>{deck.name}</span>
              <small>{numbered(deck.output_count, "output")}</small>
            </button>
          </li>
        ))}
        {outputs.some((one) => one.deck_id) && (
          <li>
            <button type="button" className={styles.choice} onClick={() => go(null)}>
              <FolderMinus aria-hidden />
              <span>No deck</span>
            </button>
          </li>
        )}
      </ul>
      {bound.length <= 1 && (
        <form className={styles.line} onSubmit={make}>
          <TextInput
            aria-label="Name of a new deck"
            placeholder="A new deck"
            maxLength={200}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <Button type="submit" busy={made.isPending} disabled={name.trim() === ""}>
            Make and move
          </Button>
        </form>
      )}
    </Dialog>
  );
}
