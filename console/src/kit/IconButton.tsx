import type { ComponentProps } from "react";
import { classes } from "./classes";
import styles from "./IconButton.module.css";

interface Props extends ComponentProps<"button"> {
  /** What it does, in words: for screen readers, and on hover. */
  label: string;
  /** The key that does the same, shown on hover. */
  shortcut?: string;
  /** Whether it is switched on; leave it out if it is no switch. */
  pressed?: boolean;
}

/** A button that is one picture. */
export function IconButton({ label, shortcut, pressed, className, children, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      aria-label={label}
      aria-pressed={pressed}
      title={shortcut ? `${label} (${shortcut})` : label}
      className={classes(styles.button, className)}
    >
      {children}
    </button>
  );
}
