import { ExternalLink } from "lucide-react";
import { type ReactNode, useId } from "react";
import { CopyButton } from "./CopyButton";
import { Dialog } from "./Dialog";
import { Field, TextInput, within } from "./Fields";
import styles from "./LinkDialog.module.css";
import shared from "./link.module.css";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Who can see what with the link. */
  about: ReactNode;
  /** The link, to copy. */
  url: string;
  /** Where a look leads, and what that is called. */
  look: { href: string; label: string };
}

/** A link to give to others. */
export function LinkDialog({ open, onClose, title, about, url, look }: Props) {
  const id = useId();
  return (
    <Dialog open={open} onClose={onClose} title={title} about={about}>
      <Field id={id} label="Link">
        <TextInput
          {...within(id, undefined, false)}
          value={url}
          readOnly
          onFocus={(event) => event.target.select()}
        />
      </Field>
      <div className={styles.line}>
        <CopyButton text={url}>Copy the link</CopyButton>
        <a className={shared.link} href={look.href} target="_blank" rel="noreferrer">
          <ExternalLink aria-hidden />
          {look.label}
        </a>
      </div>
    </Dialog>
  );
}
