import { Link } from "@tanstack/react-router";
import {
  Columns2,
  Download,
  Ellipsis,
  Eye,
  EyeOff,
  FolderInput,
  Link2,
  Repeat2,
  Star,
  Tag,
  WandSparkles,
} from "lucide-react";
import { useState } from "react";
import type { Output } from "../api/types";
import { Button, ButtonLink } from "../kit/Button";
import { IconButton } from "../kit/IconButton";
import { Menu, MenuItem } from "../kit/Menu";
import { useMe } from "../session/queries";
import styles from "./Actions.module.css";
import { useBringBack, useHide, useStar } from "./changes";
import { DeckDialog } from "./DeckDialog";
import { DevelopDialog, inputTypeOf } from "./DevelopDialog";
import { download } from "./download";
import { ShareDialog } from "./ShareDialog";
import { TagDialog } from "./TagDialog";

interface Props {
  output: Output;
  /** Called after it was hidden. */
  onHidden?: () => void;
  isPage?: boolean;
}

/** What can be done to one output: the two things that go on from it as words, the others as pictures. */
export function Actions({ output, onHidden, isPage = false }: Props) {
  const [open, setOpen] = useState<"tags" | "deck" | "share" | "develop" | null>(null);
  const star = useStar();
  const hide = useHide();
  const bringBack = useBringBack();
  const mayChange = !useMe().reads_only;
  const { id, starred, status, collection_id, source_output_id, job_id, hidden_by } = output;
  const close = () => setOpen(null);
  const isDone = status === "completed" && output.url !== null;
  const dialog = (name: typeof open) => ({ open: open === name, onClose: close });
  if (status === "hidden") {
    return hidden_by === "owner" && mayChange ? (
      <Button icon={<Eye />} busy={bringBack.isPending} onClick={() => bringBack.mutate({ ids: [id] })}>
        Bring back
      </Button>
    ) : null;
  }
  return (
    <div className={styles.actions}>
      <div className={styles.words}>
        {mayChange && isDone && inputTypeOf(output) && (
          <Button look="primary" icon={<WandSparkles />} onClick={() => setOpen("develop")}>
            Develop
          </Button>
        )}
        {mayChange && job_id && (
          <ButtonLink
            icon={<Repeat2 />}
            to="/create/$collection"
            params={{ collection: collection_id }}
            search={{ from: job_id }}
          >
            Reuse
          </ButtonLink>
        )}
      </div>
      <div className={styles.icons} role="toolbar" aria-label="Actions">
        {mayChange && (
          <>
            <IconButton
              label={starred ? "Take the star away" : "Star"}
              shortcut="S"
              pressed={starred}
              className={starred ? styles.starred : ""}
              onClick={() => star.mutate({ ids: [id], starred: !starred })}
            >
              <Star />
            </IconButton>
            <IconButton label="Tags" onClick={() => setOpen("tags")}>
              <Tag />
            </IconButton>
          </>
        )}
        {isDone && (
          <>
            <IconButton label="Share" onClick={() => setOpen("share")}>
              <Link2 />
            </IconButton>
            <IconButton label="Download" onClick={() => void download([output])}>
              <Download />
            </IconButton>
          </>
        )}
        {(mayChange || isDone) && (
          <Menu
            trigger={
              <IconButton label="More actions">
                <Ellipsis />
              </IconButton>
            }
          >
            {mayChange && (
              <MenuItem icon={<FolderInput />} onSelect={() => setOpen("deck")}>
                Move to a deck
              </MenuItem>
            )}
            {isDone && (
              <MenuItem
                icon={<Columns2 />}
                render={
                  <Link
                    to="/compare"
                    search={source_output_id ? { a: source_output_id, b: id } : { a: id }}
                  />
                }
              >
                {source_output_id ? "Compare with its source" : "Compare"}
              </MenuItem>
            )}
            {mayChange && (
              <MenuItem
                icon={<EyeOff />}
                danger
                onSelect={() => hide.mutate({ ids: [id] }, { onSuccess: () => onHidden?.() })}
              >
                Hide
              </MenuItem>
            )}
          </Menu>
        )}
      </div>
      <TagDialog {...dialog("tags")} ids={[id]} tags={output.tags} />
      <DeckDialog {...dialog("deck")} ids={[id]} outputs={[output]} />
      <ShareDialog {...dialog("share")} output={output} />
      <DevelopDialog {...dialog("develop")} output={output} isPage={isPage} />
    </div>
  );
}
