import { Check, Play, Star } from "lucide-react";
import { type MouseEvent, memo } from "react";
import type { LibraryItem } from "../api/types";
import { classes } from "../kit/classes";
import { clock } from "../kit/format";
import { Skeleton } from "../kit/states";
import { Growing } from "../outputs/Growing";
import { kindOf, localUrl } from "../outputs/kinds";
import { useText } from "../outputs/Media";
import { nameOf } from "../outputs/names";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./Tile.module.css";

interface Props {
  item: LibraryItem;
  left: number;
  width: number;
  height: number;
  /** The one that the keys act on; Tab leads to it. */
  isActive: boolean;
  isSelected: boolean;
  onOpen: (id: string) => void;
  onSelect: (id: string, isRange: boolean) => void;
  onFocus: (id: string) => void;
}

/** An output in the grid. Memoized: while one scrolls, only tiles that come are drawn. */
export const Tile = memo(function Tile(props: Props) {
  const { item, isActive, isSelected } = props;
  const open = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) props.onSelect(item.id, event.shiftKey);
    else props.onOpen(item.id);
    event.preventDefault();
  };
  const { left, width, height } = props;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be justified
    // biome-ignore lint/a11y/useFocusableInteractive: the link inside has the focus
    <div
      role="gridcell"
      aria-selected={isSelected}
      className={classes(styles.tile, isSelected && styles.selected)}
      style={{ left, width, height }}
    >
      <a
        href={`./o/${item.id}`}
        data-id={item.id}
        className={styles.open}
        tabIndex={isActive ? 0 : -1}
        onClick={open}
        onFocus={() => props.onFocus(item.id)}
        draggable={false}
      >
        <Face item={item} />
      </a>
      <button
        type="button"
        className={styles.check}
        tabIndex={-1}
        aria-pressed={isSelected}
        aria-label={`Select ${nameOf(item)}`}
        onClick={(event) => props.onSelect(item.id, event.shiftKey)}
      >
        <Check aria-hidden />
      </button>
      {item.starred && <Star className={styles.star} role="img" aria-label="Starred" />}
    </div>
  );
});

/** What there is to see of an output so far. */
function Face({ item }: { item: LibraryItem }) {
  switch (item.status) {
    case "pending":
    case "processing":
      return <Growing output={item} />;
    case "failed":
      return (
        <span className={styles.failed}>
          <b>Failed</b>
          <span>{item.error_message}</span>
        </span>
      );
    default:
      return <Finished item={item} />;
  }
}

function Finished({ item }: { item: LibraryItem }) {
  const kind = kindOf(item.mime_type);
  if (kind === "text" && item.url) return <Excerpt url={localUrl(item.url)} />;
  return (
    <>
      <Thumbnail file={item} alt={nameOf(item)} />
      {kind === "video" && (
        <span className={styles.badge}>
          <Play aria-hidden />
          {item.duration !== null && clock(item.duration)}
        </span>
      )}
    </>
  );
}

function Excerpt({ url }: { url: string }) {
  const text = useText(url);
  if (text.isPending) return <Skeleton className={styles.whole} />;
  return <span className={styles.excerpt}>{text.data?.slice(0, 400) ?? "The text cannot be loaded."}</span>;
}
