import { Columns2, Download, Eye, EyeOff, FolderInput, Star, Tag, X } from "lucide-react";
import { useState } from "react";
import type { LibraryItem } from "../api/types";
import shared from "../kit/bar.module.css";
import { classes } from "../kit/classes";
import { count } from "../kit/format";
import { IconButton } from "../kit/IconButton";
import { useBringBack } from "../outputs/changes";
import { DeckDialog } from "../outputs/DeckDialog";
import { download } from "../outputs/download";
import { TagDialog } from "../outputs/TagDialog";
import { useMe } from "../session/queries";
import styles from "./SelectionBar.module.css";

interface Props {
  ids: ReadonlySet<string>;
  /** All that are loaded; what is selected beyond them is only known by its id. */
  items: readonly LibraryItem[];
  isHidden: boolean;
  onStar: () => void;
  onHide: () => void;
  onCompare: () => void;
  onClear: () => void;
}

/** What can be done to all that are selected. */
export function SelectionBar({ ids, items, isHidden, onStar, onHide, onCompare, onClear }: Props) {
  const [open, setOpen] = useState<"tags" | "deck" | null>(null);
  const bringBack = useBringBack();
  const mayChange = !useMe().reads_only;
  const selected = items.filter((item) => ids.has(item.id));
  const files = selected.filter((item) => item.url !== null && item.status === "completed");
  const tags = [...new Set(selected.flatMap((item) => item.tags))].sort();
  const isStarred = selected.length > 0 && selected.every((item) => item.starred);
  return (
    <div className={classes(shared.bar, styles.bar)} role="toolbar" aria-label="What is selected">
      <IconButton label="Select none" shortcut="Esc" onClick={onClear}>
        <X />
      </IconButton>
      <span className={classes(shared.count, styles.count)} role="status">
        {count(ids.size)} selected
      </span>
      {isHidden && mayChange && (
        <IconButton
          label="Bring back"
          onClick={() => {
            bringBack.mutate({ ids: [...ids] });
            onClear();
          }}
        >
          <Eye />
        </IconButton>
      )}
      {!isHidden && mayChange && (
        <>
          <IconButton
            label={isStarred ? "Take the stars away" : "Star"}
            shortcut="S"
            pressed={isStarred}
            onClick={onStar}
          >
            <Star />
          </IconButton>
          <IconButton label="Tags" onClick={() => setOpen("tags")}>
            <Tag />
          </IconButton>
          <IconButton label="Move to a deck" onClick={() => setOpen("deck")}>
            <FolderInput />
          </IconButton>
          <IconButton label="Hide" shortcut="X" onClick={onHide}>
            <EyeOff />
          </IconButton>
        </>
      )}
      {!isHidden && (
        <>
          <IconButton label="Compare" shortcut="C" disabled={ids.size !== 2} onClick={onCompare}>
            <Columns2 />
          </IconButton>
          <IconButton label="Download" disabled={files.length === 0} onClick={() => void download(files)}>
            <Download />
          </IconButton>
        </>
      )}
      <TagDialog open={open === "tags"} onClose={() => setOpen(null)} ids={[...ids]} tags={tags} />
      <DeckDialog open={open === "deck"} onClose={() => setOpen(null)} ids={[...ids]} outputs={selected} />
    </div>
  );
}
