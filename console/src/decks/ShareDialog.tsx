import { ExternalLink } from "lucide-react";
import { ROOT } from "../api/client";
import type { DeckView } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { Dialog } from "../kit/Dialog";
import { Field, TextInput, within } from "../kit/Fields";
import styles from "./DeckDialogs.module.css";

/** The link of a published deck. */
export function ShareDialog({ deck, open, onClose }: { deck: DeckView; open: boolean; onClose: () => void }) {
  const url = deck.page_url ?? `${location.origin}${ROOT}d/${deck.id}`;
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Share this deck"
      about="Anyone who has the link can see the deck as it is now and as it changes."
    >
      <Field id="link" label="Link">
        <TextInput
          {...within("link", undefined, false)}
          value={url}
          readOnly
          onFocus={(event) => event.target.select()}
        />
      </Field>
      <div className={styles.share}>
        <a href={`${ROOT}d/${deck.id}`} target="_blank" rel="noreferrer" className={styles.visit}>
          <ExternalLink aria-hidden />
          Look at it
        </a>
        <CopyButton text={url}>Copy the link</CopyButton>
      </div>
    </Dialog>
  );
}
