import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { stringify } from "../api/json";
import { CopyButton } from "./CopyButton";
import { classes } from "./classes";
import styles from "./JsonView.module.css";

/** Entries of a list, and characters of a text, that are shown until more are asked for. */
const MOST = 100;
const LONGEST = 400;

interface Props {
  value: unknown;
  /** What it is, for screen readers. */
  label: string;
  /** Levels that are open at first. */
  open?: number;
}

/** JSON to look at: parts fold, integers are exact, what is long is cut until it is asked for. */
export function JsonView({ value, label, open = 2 }: Props) {
  return (
    <section className={styles.view} aria-label={label}>
      <div className={styles.copy}>
        <CopyButton text={stringify(value, 2)} />
      </div>
      <div className={styles.tree}>
        <Value value={value} open={open} />
      </div>
    </section>
  );
}

function Value({ name, value, open }: { name?: string; value: unknown; open: number }) {
  if (typeof value === "object" && value !== null) {
    return <Branch {...(name === undefined ? {} : { name })} value={value} open={open} />;
  }
  return (
    <div className={styles.leaf}>
      {name !== undefined && <Name name={name} />}
      {typeof value === "string" ? <Text text={value} /> : <Plain value={value} />}
    </div>
  );
}

function Name({ name }: { name: string }) {
  return <span className={styles.name}>{name}: </span>;
}

function Plain({ value }: { value: unknown }) {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  return <span className={isNumber ? styles.number : styles.word}>{String(value)}</span>;
}

function Text({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const cut = text.length > LONGEST && !whole;
  return (
    <span className={styles.text}>
      {cut ? `${text.slice(0, LONGEST)}…` : text}
      {cut && (
        <button type="button" className={styles.more} onClick={() => setWhole(true)}>
          Show all {text.length} characters
        </button>
      )}
    </span>
  );
}

function Branch({ name, value, open }: { name?: string; value: object; open: number }) {
  const [isOpen, setOpen] = useState(open > 0);
  const [shown, setShown] = useState(MOST);
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const about = isList ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) {
    return (
      <div className={styles.leaf}>
        {name !== undefined && <Name name={name} />}
        <span className={styles.word}>{isList ? "[]" : "{}"}</span>
      </div>
    );
  }
  return (
    <div>
      <button type="button" className={styles.fold} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <ChevronRight aria-hidden className={classes(styles.arrow, isOpen && styles.open)} />
        {name !== undefined && <Name name={name} />}
        <span className={styles.word}>{about}</span>
      </button>
      {isOpen && (
        <div className={styles.inside}>
          {entries.slice(0, shown).map(([key, one]) => (
            <Value key={key} name={key} value={one} open={open - 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className={styles.more} onClick={() => setShown(shown + MOST)}>
              Show {Math.min(MOST, entries.length - shown)} more of {entries.length}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
