import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "../../kit/Button";
import { Dialog } from "../../kit/Dialog";
import { Field as Labelled, TextInput, within } from "../../kit/Fields";
import { Segmented } from "../../kit/Segmented";
import { ProblemNote, Skeleton } from "../../kit/states";
import type { Shown } from "../../outputs/kinds";
import { Thumbnail } from "../../outputs/Thumbnail";
import { assetsQuery, type Media, resultsQuery } from "../queries";
import styles from "./FilePicker.module.css";

interface Props {
  media: Media | null;
  title: string;
  onClose: () => void;
  /** Gets the value that names the file. */
  onPick: (value: string) => void;
}

interface Choice {
  value: string;
  file: Shown;
  name: string;
}

const FROM = [
  { value: "results", label: "Results" },
  { value: "uploads", label: "Uploads" },
  { value: "address", label: "Address" },
] as const;

/** Pick a file from what one has made or brought, or name one by its address. */
export function FilePicker({ media, title, onClose, onPick }: Props) {
  const [from, setFrom] = useState<(typeof FROM)[number]["value"]>("results");
  const pick = (value: string) => {
    onPick(value);
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={title}>
      <Segmented label="From" value={from} options={FROM} onChange={setFrom} />
      {from === "results" && <Results media={media} onPick={pick} />}
      {from === "uploads" && <Uploads media={media} onPick={pick} />}
      {from === "address" && <Address onPick={pick} />}
    </Dialog>
  );
}

function Results({ media, onPick }: Pick<Props, "media" | "onPick">) {
  const results = useQuery(resultsQuery(media));
  const choices = results.data?.map((output) => ({
    value: `output:${output.id}`,
    file: output,
    name: output.prompt ?? output.collection.title,
  }));
  const empty = "There is no result of this kind yet. Generate one, or upload a file.";
  return <Choices choices={choices} problem={results.error} empty={empty} onPick={onPick} />;
}

function Uploads({ media, onPick }: Pick<Props, "media" | "onPick">) {
  const uploads = useQuery(assetsQuery(media));
  const choices = uploads.data?.map((asset) => ({
    value: `asset:${asset.id}`,
    file: { ...asset, thumbnail_url: null },
    name: asset.name || "Upload",
  }));
  const empty = "You have not uploaded a file of this kind yet. Drop one on the field.";
  return <Choices choices={choices} problem={uploads.error} empty={empty} onPick={onPick} />;
}

interface ChoicesProps {
  choices: readonly Choice[] | undefined;
  problem: unknown;
  empty: string;
  onPick: (value: string) => void;
}

function Choices({ choices, problem, empty, onPick }: ChoicesProps) {
  if (problem) return <ProblemNote problem={problem} />;
  if (choices?.length === 0) return <p className={styles.empty}>{empty}</p>;
  return (
    <ul className={styles.grid}>
      {choices?.map(({ value, file, name }) => (
        <li key={value}>
          <button type="button" className={styles.choice} title={name} onClick={() => onPick(value)}>
            <Thumbnail file={file} alt={name} />
          </button>
        </li>
      )) ??
        ["a", "b", "c", "d", "e", "f"].map((key) => (
          <li key={key}>
            <Skeleton className={styles.choice} />
          </li>
        ))}
    </ul>
  );
}

const ADDRESS = "file-address";

function Address({ onPick }: Pick<Props, "onPick">) {
  const [url, setUrl] = useState("");
  const [fault, setFault] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (/^https?:\/\/\S+$/.test(url.trim())) onPick(url.trim());
    else setFault("Enter an address that begins with https://.");
  };
  return (
    <form className={styles.address} onSubmit={submit} noValidate>
      <Labelled
        id={ADDRESS}
        label="Address of the file"
        hint="The worker fetches it when it begins."
        error={fault}
      >
        <TextInput
          {...within(ADDRESS, fault)}
          type="url"
          value={url}
          placeholder="https://"
          onChange={(event) => setUrl(event.target.value)}
        />
      </Labelled>
      <Button type="submit" look="primary">
        Use this file
      </Button>
    </form>
  );
}
