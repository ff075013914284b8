import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";
import { IconButton } from "./IconButton";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** A sentence under the title. */
  about?: ReactNode;
  children?: ReactNode;
  /** Buttons at the end, the one that goes ahead last. */
  actions?: ReactNode;
}

/** A question or a small form above the page. Esc and a click outside close it; the focus goes back. */
export function Dialog({ open, onClose, title, about, children, actions }: Props) {
  return (
    <Base.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={styles.backdrop} />
        <Base.Popup className={styles.popup}>
          <header className={styles.head}>
            <Base.Title className={styles.title}>{title}</Base.Title>
            <Base.Close render={<IconButton label="Close" />}>
              <X />
            </Base.Close>
          </header>
          {about && <Base.Description className={styles.about}>{about}</Base.Description>}
          {children}
          {actions && <footer className={styles.actions}>{actions}</footer>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps extends Pick<Props, "open" | "onClose" | "title" | "about"> {
  /** What the button that goes ahead says. */
  verb: string;
  onConfirm: () => void;
  busy?: boolean;
  /** `danger`: it takes something away; `primary`: it does not. */
  look?: "danger" | "primary";
  icon?: ReactNode;
  /** What the button that leaves everything as it is says. */
  refusal?: string;
}

/** Ask before something that should not happen by mistake. */
export function ConfirmDialog({
  verb,
  onConfirm,
  busy = false,
  look = "danger",
  icon,
  refusal = "Keep",
  ...rest
}: ConfirmProps) {
  return (
    <Dialog
      {...rest}
      actions={
        <>
          <Button onClick={rest.onClose}>{refusal}</Button>
          <Button look={look} icon={icon} onClick={onConfirm} busy={busy}>
            {verb}
          </Button>
        </>
      }
    />
  );
}
