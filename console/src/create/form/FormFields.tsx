import { Checkbox, Field as Labelled, Select, TextArea, TextInput, within } from "../../kit/Fields";
import { Segmented } from "../../kit/Segmented";
import { FileInput } from "./FileInput";
import styles from "./FormFields.module.css";
import { type ChoiceField, type Field, groupsOf } from "./fields";
import { idOf } from "./ids";
import { NumberInput } from "./NumberInput";
import { SeedInput } from "./SeedInput";
import type { Draft, Faults } from "./values";

interface Props {
  fields: readonly Field[];
  draft: Draft;
  faults: Faults;
  onChange: (changes: Draft) => void;
}

/** What every input of a form gets. */
export interface InputProps<Kind extends Field = Field> {
  field: Kind;
  value: string;
  fault: string | undefined;
  onChange: (value: string) => void;
}

/** The fields of a collection's form, in its order and under its headings. */
export function FormFields({ fields, draft, faults, onChange }: Props) {
  return groupsOf(fields).map((group) => (
    <fieldset key={group.heading} className={styles.group}>
      {group.heading && <legend>{group.heading}</legend>}
      {group.fields.map((field) => (
        <FormField
          key={field.name}
          field={field}
          value={draft[field.name] ?? ""}
          fault={faults[field.name]}
          onChange={(value) => onChange({ [field.name]: value })}
        />
      ))}
    </fieldset>
  ));
}

function FormField({ field, ...rest }: InputProps) {
  switch (field.kind) {
    case "number":
      return <NumberInput field={field} {...rest} />;
    case "seed":
      return <SeedInput field={field} {...rest} />;
    case "file":
      return <FileInput field={field} {...rest} />;
    case "choice":
      return <ChoiceInput field={field} {...rest} />;
    case "switch":
      return <Switch field={field} {...rest} />;
    case "text":
      return <WrittenInput field={field} long={field.long} {...rest} />;
    case "anything":
      return <WrittenInput field={field} long={false} {...rest} />;
  }
}

function WrittenInput({ field, value, fault, onChange, long }: InputProps & { long: boolean }) {
  const id = idOf(field.name);
  const given = {
    ...within(id, fault, field.hint !== ""),
    value,
    placeholder: field.example,
    required: field.required,
  };
  return (
    <Labelled
      id={id}
      label={field.label}
      hint={field.hint}
      error={fault}
      extra={<Room field={field} value={value} />}
    >
      {long ? (
        <TextArea {...given} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <TextInput {...given} autoComplete="off" onChange={(event) => onChange(event.target.value)} />
      )}
    </Labelled>
  );
}

/** How much more can be written, once the end is near. */
function Room({ field, value }: { field: Field; value: string }) {
  if (field.kind !== "text" || field.longest === null) return null;
  const length = [...value].length;
  if (length < field.longest * 0.8) return null;
  return (
    <span className={length > field.longest ? styles.over : styles.room}>
      {length} / {field.longest}
    </span>
  );
}

/** Letters of all names together that fit side by side. */
const SIDE_BY_SIDE = 26;

function ChoiceInput({ field, value, fault, onChange }: InputProps<ChoiceField>) {
  const id = idOf(field.name);
  const options = [...(field.usual === "" ? [{ json: "", name: nothingOf(field) }] : []), ...field.options];
  const letters = options.reduce((sum, option) => sum + option.name.length, 0);
  const isShort = options.length <= 4 && letters <= SIDE_BY_SIDE;
  return (
    <Labelled id={id} label={field.label} hint={field.hint} error={fault}>
      {isShort ? (
        <Segmented
          label={field.label}
          value={`=${value}`}
          options={options.map((option) => ({ value: `=${option.json}`, label: option.name }))}
          onChange={(chosen) => onChange(chosen.slice(1))}
        />
      ) : (
        <Select
          {...within(id, fault, field.hint !== "")}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        >
          {options.map((option) => (
            <option key={option.json} value={option.json}>
              {option.name}
            </option>
          ))}
        </Select>
      )}
    </Labelled>
  );
}

/** What it means to choose nothing. */
function nothingOf(field: ChoiceField): string {
  if (field.drawn) return "By chance";
  return field.required ? "Choose…" : "None";
}

function Switch({ field, value, fault, onChange }: InputProps) {
  const id = idOf(field.name);
  return (
    <div>
      <Checkbox
        {...within(id, fault, false)}
        label={field.label}
        checked={value === "true"}
        onChange={(event) => onChange(String(event.target.checked))}
      />
      {field.hint && <p className={styles.hint}>{field.hint}</p>}
      <p id={`${id}-error`} className={styles.over} aria-live="polite">
        {fault}
      </p>
    </div>
  );
}
