import { Archive, Globe, Lock } from "lucide-react";
import styles from "./DeckStatusMark.module.css";
import type { DeckStatus } from "./search";

const MARKS = {
  published: { Icon: Globe, word: "Published" },
  locked: { Icon: Lock, word: "Locked" },
  archived: { Icon: Archive, word: "Archived" },
} as const;

/** What state a deck is in, if it is not the usual one. */
export function DeckStatusMark({ status }: { status: DeckStatus }) {
  if (status === "active") return null;
  const { Icon, word } = MARKS[status];
  return (
    <span className={styles.mark}>
      <Icon aria-hidden />
      {word}
    </span>
  );
}
