import { type FormEvent, useState } from "react";
import type { DeckView } from "../api/types";
import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import { Field, TextArea, TextInput, within } from "../kit/Fields";
import styles from "./DeckDialogs.module.css";
import { useChangeDeck } from "./queries";

const FORM = "describe-deck";

/** Rename and describe a deck. */
export function DescribeDialog({
  deck,
  open,
  onClose,
}: {
  deck: DeckView;
  open: boolean;
  onClose: () => void;
}) {
  const change = useChangeDeck(deck.id);
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Rename and describe"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={FORM} busy={change.isPending}>
            Save
          </Button>
        </>
      }
    >
      <Form deck={deck} onSave={(changes) => change.mutate(changes, { onSuccess: onClose })} />
    </Dialog>
  );
}

interface FormProps {
  deck: DeckView;
  onSave: (changes: { name: string; description: string | null }) => void;
}

/** It begins anew each time the dialog opens. */
function Form({ deck, onSave }: FormProps) {
  const [name, setName] = useState(deck.name);
  const [description, setDescription] = useState(deck.description ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSave({ name: name.trim(), description: description.trim() || null });
  };
  return (
    <form id={FORM} className={styles.form} onSubmit={submit}>
      <Field id="name" label="Name">
        <TextInput
          {...within("name", undefined, false)}
          value={name}
          required
          pattern=".*\S.*"
          maxLength={200}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field id="description" label="Description">
        <TextArea
          {...within("description", undefined, false)}
          value={description}
          maxLength={5000}
          onChange={(event) => setDescription(event.target.value)}
        />
      </Field>
    </form>
  );
}
