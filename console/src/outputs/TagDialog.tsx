import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "../kit/Button";
import { Chip } from "../kit/Chip";
import { Dialog } from "../kit/Dialog";
import { TextInput } from "../kit/Fields";
import { numbered } from "../kit/format";
import { useTag } from "./changes";
import styles from "./dialogs.module.css";
import { tagsQuery } from "./queries";

interface Props {
  open: boolean;
  onClose: () => void;
  ids: readonly string[];
  /** The tags that any of them has. */
  tags: readonly string[];
}

/** Add tags to outputs, and take them away. */
export function TagDialog({ open, onClose, ids, tags }: Props) {
  const [text, setText] = useState("");
  const known = useQuery({ ...tagsQuery, enabled: open }).data ?? [];
  const change = useTag();
  const add = (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.split(",").map((tag) => tag.trim());
    const added = wanted.filter((tag) => tag !== "");
    if (added.length > 0) change.mutate({ ids: [...ids], add: added }, { onSuccess: () => setText("") });
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Tags"
      about={ids.length > 1 ? `For ${numbered(ids.length, "output")}.` : "Words to find it again by."}
    >
      {tags.length > 0 && (
        <div className={styles.tags}>
          {tags.map((tag) => (
            <Chip key={tag} label={tag} onRemove={() => change.mutate({ ids: [...ids], remove: [tag] })}>
              {tag}
            </Chip>
          ))}
        </div>
      )}
      <form className={styles.line} onSubmit={add}>
        <TextInput
          aria-label="New tag"
          placeholder="harbours, for the poster"
          list="known-tags"
          maxLength={200}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" look="primary" busy={change.isPending}>
          Add
        </Button>
      </form>
      <datalist id="known-tags">
        {known.map(({ tag }) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
    </Dialog>
  );
}
