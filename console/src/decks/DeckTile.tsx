import { Link } from "@tanstack/react-router";
import {
  ArrowLeftToLine,
  Ellipsis,
  FolderMinus,
  GripVertical,
  ImageOff,
  Image as Picture,
} from "lucide-react";
import type { DeckOutput } from "../api/types";
import { classes } from "../kit/classes";
import { IconButton } from "../kit/IconButton";
import { Menu, MenuItem } from "../kit/Menu";
import { Progress, Status } from "../kit/states";
import { useLiveJob, usePreview } from "../live/channel";
import { localUrl } from "../outputs/kinds";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./DeckTile.module.css";
import type { Arranging } from "./useArranging";

interface Props {
  output: DeckOutput;
  label: string;
  isCover: boolean;
  /** Null: nothing can be changed. */
  arranging: Arranging | null;
  /** Whether nothing can be taken out. */
  isLocked: boolean;
  onCover: (isCover: boolean) => void;
  /** Undefined: it is the first. */
  onFirst: (() => void) | undefined;
  onRemove: () => void;
}

/** A result in its deck. */
export function DeckTile({ output, label, isCover, arranging, ...rest }: Props) {
  return (
    <div className={styles.tile}>
      <Link
        to="/o/$id"
        params={{ id: output.id }}
        className={styles.link}
        draggable={false}
        onDragStart={(event) => event.preventDefault()} // a browser drags pictures by itself
        onPointerDown={(event) => event.pointerType === "mouse" && arranging?.onPointerDown(event, output.id)}
        onClick={(event) => arranging?.wasDragged() && event.preventDefault()}
        aria-label={label}
      >
        <Inside output={output} />
      </Link>
      {isCover && <span className={styles.cover}>Cover</span>}
      {arranging && (
        <div className={classes(styles.tools, arranging.held?.id === output.id && styles.shown)}>
          <IconButton
            label={`Move ${label.toLowerCase()}`}
            className={styles.handle}
            data-handle={output.id}
            aria-describedby="arranging"
            pressed={arranging.held?.id === output.id}
            onPointerDown={(event) => arranging.onPointerDown(event, output.id)}
            onKeyDown={(event) => arranging.onKeyDown(event, output.id)}
          >
            <GripVertical />
          </IconButton>
          <TileMenu output={output} label={label} isCover={isCover} {...rest} />
        </div>
      )}
    </div>
  );
}

function TileMenu({
  output,
  label,
  isCover,
  isLocked,
  onCover,
  onFirst,
  onRemove,
}: Omit<Props, "arranging">) {
  const isFinished = output.status === "completed";
  return (
    <Menu
      trigger={
        <IconButton label={`What to do with ${label.toLowerCase()}`} className={styles.more}>
          <Ellipsis />
        </IconButton>
      }
    >
      <MenuItem
        icon={isCover ? <ImageOff /> : <Picture />}
        disabled={!isFinished && !isCover}
        onSelect={() => onCover(!isCover)}
      >
        {isCover ? "No longer the cover" : "Make it the cover"}
      </MenuItem>
      <MenuItem icon={<ArrowLeftToLine />} disabled={!onFirst} onSelect={() => onFirst?.()}>
        Move to the front
      </MenuItem>
      <MenuItem icon={<FolderMinus />} disabled={isLocked} onSelect={onRemove}>
        {isLocked ? "Remove: unlock the deck first" : "Remove from the deck"}
      </MenuItem>
    </Menu>
  );
}

function Inside({ output }: { output: DeckOutput }) {
  if (output.status === "completed") return <Thumbnail file={output} alt="" />;
  if (output.status === "failed") {
    return (
      <span className={styles.words}>
        <Status status="failed" />
        <span>{output.error_message}</span>
      </span>
    );
  }
  return <Growing output={output} />;
}

function Growing({ output }: { output: DeckOutput }) {
  const job = useLiveJob(output.job_id);
  const preview = usePreview(output.job_id);
  const status = job?.status === "processing" ? "processing" : "pending";
  return (
    <>
      {preview?.url && <img className={styles.preview} src={localUrl(preview.url)} alt="" />}
      <span className={styles.words}>
        <Status status={status} />
        {status === "processing" && <Progress value={job?.progress ?? null} label="Progress" />}
      </span>
    </>
  );
}
