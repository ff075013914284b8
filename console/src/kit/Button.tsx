import { Link, type LinkProps } from "@tanstack/react-router";
import type { ComponentProps, ReactNode } from "react";
import styles from "./Button.module.css";
import { classes } from "./classes";

interface Look {
  /** `primary`: the one thing to do here; `plain`: the usual; `quiet`: without a frame; `danger`: takes away. */
  look?: "primary" | "plain" | "quiet" | "danger";
  /** Shows that its work is under way; it cannot be pressed meanwhile. */
  busy?: boolean;
  icon?: ReactNode;
}

/** A button with words. */
export function Button({
  look = "plain",
  busy = false,
  icon,
  className,
  children,
  disabled,
  ...rest
}: ComponentProps<"button"> & Look) {
  return (
    <button
      type="button"
      {...rest}
      className={classes(styles.button, styles[look], className)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    >
      {icon}
      {children}
    </button>
  );
}

/** A link to a page of the console that looks like a button. */
export function ButtonLink({
  look = "plain",
  icon,
  className,
  children,
  ...rest
}: LinkProps & Omit<Look, "busy"> & { className?: string; children: ReactNode }) {
  return (
    <Link {...rest} className={classes(styles.button, styles[look], className)}>
      {icon}
      {children}
    </Link>
  );
}
