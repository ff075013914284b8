import { ExternalLink } from "lucide-react";
import { useId } from "react";
import type { Output } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { Dialog } from "../kit/Dialog";
import { Field, TextInput, within } from "../kit/Fields";
import { dateOf } from "../kit/format";
import styles from "./dialogs.module.css";

/** The link with which everybody can see an output. */
export function ShareDialog({
  open,
  onClose,
  output,
}: {
  open: boolean;
  onClose: () => void;
  output: Output;
}) {
  const id = useId();
  if (!output.watch_url) return null;
  const expiry = Number(new URL(output.watch_url).searchParams.get("t")?.split(".")[0]);
  const about = expiry
    ? `Everybody who has the link can see this output until ${dateOf(expiry * 1000)}, and nothing else of yours.`
    : "It is in a published deck, so everybody who has the link can see it.";
  return (
    <Dialog open={open} onClose={onClose} title="Share" about={about}>
      <Field id={id} label="Link">
        <TextInput
          {...within(id, undefined, false)}
          readOnly
          value={output.watch_url}
          onFocus={(event) => event.target.select()}
        />
      </Field>
      <div className={styles.line}>
        <CopyButton text={output.watch_url}>Copy the link</CopyButton>
        <a className={styles.link} href={output.watch_url} target="_blank" rel="noreferrer">
          <ExternalLink aria-hidden />
          See what others see
        </a>
      </div>
    </Dialog>
  );
}
