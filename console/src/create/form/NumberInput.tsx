import type { KeyboardEvent } from "react";
import { Field as Labelled, TextInput, within } from "../../kit/Fields";
import type { InputProps } from "./FormFields";
import styles from "./FormFields.module.css";
import { limitsOf, type NumberField, sliderOf } from "./fields";
import { idOf } from "./ids";

/** A number: to be typed, moved with the arrow keys, and slid where the range is small. */
export function NumberInput({ field, value, fault, onChange }: InputProps<NumberField>) {
  const id = idOf(field.name);
  const slider = sliderOf(field);
  const limits = slider ? "" : limitsOf(field);
  const hint = [field.hint, limits].filter(Boolean).join(" · ");
  const step = (event: KeyboardEvent) => {
    const by = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    const now = Number(value === "" ? (field.least ?? 0) : value);
    const next = now + by * (field.step ?? slider?.step ?? 1);
    const within = next >= Number(field.least ?? -Infinity) && next <= Number(field.most ?? Infinity);
    if (by === 0 || !within || !Number.isSafeInteger(Math.round(next))) return;
    event.preventDefault();
    onChange(String(Number(next.toPrecision(12))));
  };
  return (
    <Labelled id={id} label={field.label} hint={hint} error={fault}>
      <div className={styles.number}>
        {slider && (
          <input
            type="range"
            aria-label={`${field.label}, slider`}
            min={slider.least}
            max={slider.most}
            step={slider.step}
            value={value === "" ? slider.least : Number(value) || slider.least}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
        <TextInput
          {...within(id, fault, hint !== "")}
          className={slider ? styles.short : undefined}
          inputMode={field.whole ? "numeric" : "decimal"}
          autoComplete="off"
          placeholder={field.example}
          value={value}
          onKeyDown={step}
          onChange={(event) => onChange(event.target.value)}
        />
      </div>
    </Labelled>
  );
}
