import { useQuery } from "@tanstack/react-query";
import { ListFilter, Search as SearchIcon, Star, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { collectionsQuery } from "../create/queries";
import { decksQuery } from "../decks/queries";
import { Button } from "../kit/Button";
import { Chip } from "../kit/Chip";
import { dateOf } from "../kit/format";
import { useHotkeys } from "../kit/hotkeys";
import { IconButton } from "../kit/IconButton";
import { Popover } from "../kit/Popover";
import { Segmented } from "../kit/Segmented";
import type { Filters } from "../outputs/filters";
import styles from "./FilterBar.module.css";
import { FilterForm, STATUS_WORDS } from "./FilterForm";

/** Filters as they are to be; undefined takes one away. */
export type Change = (part: { [Name in keyof Filters]?: Filters[Name] | undefined }) => void;

const PAUSE = 250;
const MEDIA = [
  { value: "all", label: "All" },
  { value: "image", label: "Images" },
  { value: "video", label: "Videos" },
  { value: "audio", label: "Audio" },
  { value: "text", label: "Texts" },
] as const;

/** By what the library is filtered. */
export function FilterBar({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const { type } = filters;
  return (
    <search className={styles.bar}>
      <Words text={filters.q ?? ""} onChange={(q) => onChange({ q: q || undefined })} />
      <Segmented
        label="Kind"
        value={type ?? "all"}
        options={MEDIA}
        onChange={(value) => onChange({ type: value === "all" ? undefined : value })}
      />
      <div className={styles.more}>
        <IconButton
          label="Only starred"
          pressed={filters.starred === true}
          className={filters.starred ? styles.starred : ""}
          onClick={() => onChange({ starred: filters.starred ? undefined : true })}
        >
          <Star />
        </IconButton>
        <Popover title="Filters" trigger={<Button icon={<ListFilter />}>Filters</Button>}>
          <FilterForm filters={filters} onChange={onChange} />
        </Popover>
      </div>
      <Chips filters={filters} onChange={onChange} />
    </search>
  );
}

/** The words to look for. They count when one stops writing. */
function Words({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const [written, setWritten] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => setWritten(text), [text]);
  useEffect(() => {
    if (written.trim() === text) return;
    const timer = setTimeout(() => latest.current(written.trim()), PAUSE);
    return () => clearTimeout(timer);
  }, [written, text]);
  useHotkeys([{ keys: "/", does: "Search", run: () => field.current?.focus() }]);
  return (
    <div className={styles.words}>
      <SearchIcon aria-hidden />
      <input
        ref={field}
        type="text"
        inputMode="search"
        aria-label="Search prompts and collections"
        placeholder="Search prompts and collections"
        maxLength={200}
        value={written}
        onChange={(event) => setWritten(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      {written !== "" && (
        <IconButton
          label="Clear the search"
          onClick={() => {
            setWritten("");
            onChange("");
          }}
        >
          <X />
        </IconButton>
      )}
    </div>
  );
}

/** What is filtered beyond what the bar shows, each to be taken away. */
function Chips({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const collections = useQuery({ ...collectionsQuery, enabled: filters.collection !== undefined }).data;
  const decks = useQuery({ ...decksQuery, enabled: filters.deck !== undefined }).data;
  const { collection, deck, status, since, until, tag = [], hidden } = filters;
  const chips: { label: string; without: Parameters<Change>[0] }[] = [];
  const add = (label: string | undefined, without: Parameters<Change>[0]) =>
    label && chips.push({ label, without });
  if (collection) {
    add(collections?.find(({ id }) => id === collection)?.title ?? "One collection", {
      collection: undefined,
    });
  }
  if (deck) add(decks?.find(({ id }) => id === deck)?.name ?? "One deck", { deck: undefined });
  if (status) add(STATUS_WORDS[status], { status: undefined });
  if (since) add(`Since ${dateOf(since)}`, { since: undefined });
  if (until) add(`Until ${dateOf(until)}`, { until: undefined });
  for (const one of tag) {
    const others = tag.filter((other) => other !== one);
    add(`# ${one}`, { tag: others.length > 0 ? others : undefined });
  }
  if (hidden) add("Hidden ones", { hidden: undefined });
  if (filters.sort) add("Oldest first", { sort: undefined });
  if (chips.length === 0) return null;
  return (
    <div className={styles.chips}>
      {chips.map(({ label, without }) => (
        <Chip key={label} label={label} onRemove={() => onChange(without)}>
          {label}
        </Chip>
      ))}
    </div>
  );
}
