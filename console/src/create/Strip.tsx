import { CircleAlert, Clock } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { classes } from "../kit/classes";
import { ago } from "../kit/format";
import { Progress } from "../kit/states";
import { usePreview } from "../live/channel";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./Strip.module.css";
import type { Entry } from "./strip";

interface Props {
  entries: readonly Entry[];
  /** The job on the stage. */
  shown: string | undefined;
  /** Keys of requests that are not answered yet. */
  sending: readonly string[];
  onShow: (jobId: string) => void;
}

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };

/** The jobs of the collection, the newest first. Arrow keys go through them; the stage shows the selected one. */
export function Strip({ entries, shown, sending, onShow }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const first = entries[0]?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new tile moves the others
  useEffect(() => keepInSight(list.current?.querySelector(`[data-job="${shown}"]`)), [shown, first]);
  const move = (event: KeyboardEvent) => {
    const ends: Record<string, number> = { Home: 0, End: entries.length - 1 };
    const at = entries.findIndex((entry) => entry.id === shown);
    const to = ends[event.key] ?? (event.key in STEPS ? at + (STEPS[event.key] ?? 0) : Number.NaN);
    const next = entries[to];
    if (!next) return;
    event.preventDefault();
    onShow(next.id);
    list.current?.querySelector<HTMLElement>(`[data-job="${next.id}"]`)?.focus({ preventScroll: true });
  };
  if (entries.length === 0 && sending.length === 0) return <div className={styles.strip} />;
  const reachable = entries.some((entry) => entry.id === shown) ? shown : entries[0]?.id;
  return (
    <div className={styles.strip} data-strip>
      {sending.map((key) => (
        <div key={key} className={styles.tile} role="status" aria-label="Sending">
          <Clock aria-hidden />
          <Bar value={null} label="Sending" />
        </div>
      ))}
      <div className={styles.list} role="listbox" aria-label="Jobs" ref={list} onKeyDown={move} tabIndex={-1}>
        {entries.map((entry) => (
          <button
            key={entry.id}
            type="button"
            role="option"
            data-job={entry.id}
            data-status={entry.status}
            aria-selected={entry.id === shown}
            aria-label={nameOf(entry)}
            title={nameOf(entry)}
            tabIndex={entry.id === reachable ? 0 : -1}
            className={classes(styles.tile, entry.id === shown && styles.shown)}
            onClick={() => onShow(entry.id)}
          >
            <Tile entry={entry} />
          </button>
        ))}
      </div>
    </div>
  );
}

/** Scroll the strip, and nothing around it, so that a tile is in sight. */
function keepInSight(tile: Element | null | undefined): void {
  const strip = tile?.closest("[data-strip]");
  if (!tile || !strip) return;
  const [inner, outer] = [tile.getBoundingClientRect(), strip.getBoundingClientRect()];
  const by = (from: number, to: number, low: number, high: number) =>
    Math.min(from - low, 0) || Math.max(to - high, 0);
  strip.scrollBy(
    by(inner.left, inner.right, outer.left, outer.right),
    by(inner.top, inner.bottom, outer.top, outer.bottom),
  );
}

function Tile({ entry }: { entry: Entry }) {
  const isOpen = entry.status === "pending" || entry.status === "processing";
  const preview = usePreview(isOpen ? entry.id : null);
  return (
    <>
      {entry.status === "completed" || entry.thumbnail_url ? (
        <Thumbnail file={{ ...entry, url: null }} alt="" />
      ) : preview?.url ? (
        <img className={styles.preview} src={preview.url} alt="" />
      ) : entry.status === "failed" ? (
        <CircleAlert className={styles.failed} aria-hidden />
      ) : (
        <Clock aria-hidden />
      )}
      {isOpen && <Bar value={entry.status === "processing" ? entry.progress : null} label={nameOf(entry)} />}
      {entry.output_ids.length > 1 && <span className={styles.results}>{entry.output_ids.length}</span>}
    </>
  );
}

function Bar({ value, label }: { value: number | null; label: string }) {
  return (
    <span className={styles.bar}>
      <Progress value={value} label={label} />
    </span>
  );
}

const WORDS = { pending: "Waiting", processing: "Running", completed: "Done", failed: "Failed" } as const;

function nameOf(entry: Entry): string {
  const results = entry.output_ids.length;
  return `${WORDS[entry.status]}, ${results > 1 ? `${results} results, ` : ""}${ago(entry.created_at)}`;
}
