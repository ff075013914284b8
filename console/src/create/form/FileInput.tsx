import { ImagePlus, Images, X } from "lucide-react";
import { type ClipboardEvent, type DragEvent, useRef, useState } from "react";
import { Button } from "../../kit/Button";
import { classes } from "../../kit/classes";
import { Field as Labelled, within } from "../../kit/Fields";
import { IconButton } from "../../kit/IconButton";
import { Progress } from "../../kit/states";
import styles from "./FileInput.module.css";
import { FilePicker } from "./FilePicker";
import { FilePreview } from "./FilePreview";
import type { InputProps } from "./FormFields";
import type { FileField } from "./fields";
import { idOf } from "./ids";
import { acceptOf } from "./inputs";
import { useUpload } from "./useUpload";

const NOUNS = { image: "a picture", video: "a video", audio: "a sound" } as const;

/** A file: dropped, pasted, chosen from the machine, or picked from one's uploads and results. */
export function FileInput({ field, value, fault, onChange }: InputProps<FileField>) {
  const id = idOf(field.name);
  const chooser = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [picks, setPicks] = useState(false);
  const { percent, problem, send, stop } = useUpload(field.media, onChange);
  const noun = field.media ? NOUNS[field.media] : "a file";
  const take = (files: FileList | undefined) => {
    const file = files?.[0];
    if (file) send(file);
    return file !== undefined;
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const paste = (event: ClipboardEvent) => {
    if (take(event.clipboardData.files)) event.preventDefault();
  };
  return (
    <Labelled id={id} label={field.label} hint={field.hint} error={problem ?? fault}>
      <fieldset
        aria-label={field.label}
        className={classes(styles.place, over && styles.over)}
        data-takes-files={field.name}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        onPaste={paste}
      >
        {percent !== null ? (
          <div className={styles.sending}>
            <Progress value={percent} label={`Sending ${field.label}`} />
            <Button look="quiet" onClick={stop}>
              Stop
            </Button>
          </div>
        ) : value === "" ? (
          <button
            type="button"
            {...within(id, problem ?? fault, field.hint !== "")}
            aria-label={`${field.label}: drop, paste or choose ${noun}`}
            className={styles.choose}
            onClick={() => chooser.current?.click()}
          >
            <ImagePlus aria-hidden />
            <span>Drop, paste or choose {noun}</span>
          </button>
        ) : (
          <FilePreview value={value} media={field.media} />
        )}
        <div className={styles.bar}>
          <Button look="quiet" icon={<Images />} onClick={() => setPicks(true)}>
            {value === "" ? "Pick one of mine" : "Pick another"}
          </Button>
          {value !== "" && (
            <IconButton
              {...within(id, problem ?? fault, field.hint !== "")}
              label={`Remove ${field.label}`}
              onClick={() => onChange("")}
            >
              <X />
            </IconButton>
          )}
        </div>
        <input
          ref={chooser}
          type="file"
          hidden
          accept={acceptOf(field.media)}
          onChange={(event) => {
            take(event.target.files ?? undefined);
            event.target.value = "";
          }}
        />
      </fieldset>
      {picks && (
        <FilePicker
          media={field.media}
          title={`Pick ${noun}`}
          onClose={() => setPicks(false)}
          onPick={onChange}
        />
      )}
    </Labelled>
  );
}
