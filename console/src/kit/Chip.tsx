import { X } from "lucide-react";
import type { ReactNode } from "react";
import styles from "./Chip.module.css";

/** A word that can be taken away. */
export function Chip({
  label,
  onRemove,
  children,
}: {
  label: string;
  onRemove: () => void;
  children: ReactNode;
}) {
  return (
    <span className={styles.chip}>
      <span className={styles.text}>{children}</span>
      <button type="button" className={styles.remove} aria-label={`Remove ${label}`} onClick={onRemove}>
        <X aria-hidden />
      </button>
    </span>
  );
}
