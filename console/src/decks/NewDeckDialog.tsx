import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { sentenceOf } from "../api/problem";
import { collectionsQuery } from "../create/queries";
import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import { Field, Select, TextInput, within } from "../kit/Fields";
import styles from "./DeckDialogs.module.css";
import { useCreateDeck } from "./queries";

const FORM = "new-deck";

/** Make an empty deck. */
export function NewDeckDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const collections = useQuery(collectionsQuery).data ?? [];
  const create = useCreateDeck({ handlesErrors: true });
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [collection, setCollection] = useState("");
  const chosen = collection || collections[0]?.id || "";
  const error = create.error ? sentenceOf(create.error) : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate(
      { collection_id: chosen, name: name.trim() || null },
      { onSuccess: ({ id }) => void navigate({ to: "/decks/$id", params: { id } }) },
    );
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="New deck"
      about="The newest deck of a collection takes what is generated from it."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={FORM} busy={create.isPending} disabled={chosen === ""}>
            Make the deck
          </Button>
        </>
      }
    >
      <form id={FORM} onSubmit={submit} className={styles.form}>
        <Field id="deck-name" label="Name" hint="Left empty, it is named after the collection." error={error}>
          <TextInput
            {...within("deck-name", error)}
            value={name}
            maxLength={200}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field id="deck-collection" label="Collection">
          <Select
            {...within("deck-collection", undefined, false)}
            value={chosen}
            onChange={(event) => setCollection(event.target.value)}
          >
            {collections.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </Select>
        </Field>
      </form>
    </Dialog>
  );
}
