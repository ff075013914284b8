import { useQuery } from "@tanstack/react-query";
import { collectionsQuery } from "../create/queries";
import { decksQuery } from "../decks/queries";
import { Checkbox, Field, Select, TextInput } from "../kit/Fields";
import type { Filters } from "../outputs/filters";
import { tagsQuery } from "../outputs/queries";
import type { Change } from "./FilterBar";
import styles from "./FilterBar.module.css";

export const STATUS_WORDS = {
  completed: "Done",
  processing: "Running",
  pending: "Waiting",
  failed: "Failed",
} as const;

/** The filters that are not needed every day. */
export function FilterForm({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const collections = useQuery(collectionsQuery).data ?? [];
  const decks = useQuery(decksQuery).data ?? [];
  const tags = useQuery(tagsQuery).data ?? [];
  const { tag: chosen = [] } = filters;
  return (
    <>
      <Choice
        label="Collection"
        value={filters.collection}
        options={collections.map(({ id, title }) => [id, title])}
        onChange={(collection) => onChange({ collection })}
      />
      <Choice
        label="Deck"
        value={filters.deck}
        options={decks.map(({ id, name }) => [id, name])}
        onChange={(deck) => onChange({ deck })}
      />
      <Choice
        label="Tag"
        value={undefined}
        none={tags.length > 0 ? "Add a tag" : "There are no tags yet"}
        options={tags
          .filter(({ tag }) => !chosen.includes(tag))
          .map(({ tag, count }) => [tag, `${tag} (${count})`])}
        onChange={(tag) => tag && onChange({ tag: [...chosen, tag].slice(-5) })}
      />
      <Choice
        label="State"
        value={filters.status}
        options={Object.entries(STATUS_WORDS)}
        onChange={(status) => onChange({ status: status as Filters["status"], hidden: undefined })}
      />
      <div className={styles.range}>
        <Day label="Since" value={filters.since} onChange={(since) => onChange({ since })} />
        <Day label="Until" value={filters.until} onChange={(until) => onChange({ until })} />
      </div>
      <Choice
        label="Order"
        value={filters.sort}
        none="Newest first"
        options={[["oldest", "Oldest first"]]}
        onChange={(sort) => onChange({ sort: sort as Filters["sort"] })}
      />
      <Checkbox
        label="Show what was hidden"
        checked={filters.hidden === true}
        onChange={(event) => onChange({ hidden: event.target.checked || undefined, status: undefined })}
      />
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  /** What no choice is called. */
  none?: string;
  options: [value: string, label: string][];
  onChange: (value: string | undefined) => void;
}

function Choice({ label, value, none = "Any", options, onChange }: ChoiceProps) {
  const id = `filter-${label.toLowerCase()}`;
  return (
    <Field id={id} label={label}>
      <Select id={id} value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
        <option value="">{none}</option>
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </Select>
    </Field>
  );
}

function Day(props: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const { label, value, onChange } = props;
  const id = `filter-${label.toLowerCase()}`;
  return (
    <Field id={id} label={label}>
      <TextInput
        id={id}
        type="date"
        value={value ?? ""}
        onChange={(event) => onChange(event.target.value || undefined)}
      />
    </Field>
  );
}
