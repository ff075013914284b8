import type { ComponentProps, ReactNode } from "react";
import { classes } from "./classes";
import styles from "./Fields.module.css";

interface FieldProps {
  /** The id of the control inside. */
  id: string;
  label: ReactNode;
  /** A sentence about it. */
  hint?: ReactNode;
  /** What is wrong with its value. */
  error?: string | undefined;
  /** Something at the end of the label's line. */
  extra?: ReactNode;
  children: ReactNode;
}

/** A control with its label, a hint and what is wrong with it. The control names `describedBy(id)`. */
export function Field({ id, label, hint, error, extra, children }: FieldProps) {
  return (
    <div className={styles.field}>
      <div className={styles.head}>
        <label htmlFor={id} className={styles.label}>
          {label}
        </label>
        {extra}
      </div>
      {children}
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      <p id={`${id}-error`} className={styles.error} aria-live="polite">
        {error}
      </p>
    </div>
  );
}

/** The attributes by which a control belongs to its `Field`. */
export function within(id: string, error?: string, hint = true) {
  return {
    id,
    "aria-describedby": hint ? `${id}-hint ${id}-error` : `${id}-error`,
    "aria-invalid": error ? (true as const) : undefined,
  };
}

/** A line of text. */
export function TextInput({ className, ...rest }: ComponentProps<"input">) {
  return <input type="text" {...rest} className={classes(styles.control, className)} />;
}

/** Text of several lines, which grows with it. */
export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea rows={3} {...rest} className={classes(styles.control, styles.area, className)} />;
}

/** A choice of one of many: the browser's own, which also works well by touch. */
export function Select({ className, children, ...rest }: ComponentProps<"select">) {
  return (
    <select {...rest} className={classes(styles.control, styles.select, className)}>
      {children}
    </select>
  );
}

/** A switch with its label. */
export function Checkbox({ label, ...rest }: Omit<ComponentProps<"input">, "type"> & { label: ReactNode }) {
  return (
    <label className={styles.checkbox}>
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}
