import { Dices } from "lucide-react";
import { Field as Labelled, TextInput, within } from "../../kit/Fields";
import { IconButton } from "../../kit/IconButton";
import { Segmented } from "../../kit/Segmented";
import type { InputProps } from "./FormFields";
import styles from "./FormFields.module.css";
import type { SeedField } from "./fields";
import { idOf } from "./ids";
import { drawnSeed } from "./values";

const WAYS = [
  { value: "random", label: "Random" },
  { value: "fixed", label: "Fixed" },
] as const;

/** A seed: another one each time, or one that stays. */
export function SeedInput({ field, value, fault, onChange }: InputProps<SeedField>) {
  const id = idOf(field.name);
  const isFixed = value !== "";
  const way = field.drawn && (
    <Segmented
      label={field.label}
      value={isFixed ? "fixed" : "random"}
      options={WAYS}
      onChange={(chosen) => onChange(chosen === "fixed" ? drawnSeed(field) : "")}
    />
  );
  return (
    <Labelled id={id} label={field.label} hint={field.hint} error={fault} extra={way}>
      {(isFixed || !field.drawn) && (
        <div className={styles.number}>
          <TextInput
            {...within(id, fault, field.hint !== "")}
            inputMode="numeric"
            autoComplete="off"
            placeholder={field.usual}
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <IconButton label="Draw another seed" onClick={() => onChange(drawnSeed(field))}>
            <Dices />
          </IconButton>
        </div>
      )}
    </Labelled>
  );
}
