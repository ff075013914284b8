import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import { classes } from "./classes";
import shared from "./floating.module.css";
import styles from "./Menu.module.css";

interface Props {
  /** The button that opens it. */
  trigger: ReactElement;
  children: ReactNode;
  align?: "start" | "center" | "end";
  side?: "top" | "bottom" | "right";
  defaultOpen?: boolean;
}

/** A list of actions behind a button. */
export function Menu({ trigger, children, align = "end", side = "bottom", defaultOpen = false }: Props) {
  return (
    <Base.Root defaultOpen={defaultOpen}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} side={side} sideOffset={6} className={styles.positioner}>
          <Base.Popup className={classes(shared.floating, styles.popup)}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

interface ItemProps {
  onSelect?: () => void;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  /** An element that the item is drawn as, such as a link. */
  render?: ReactElement;
  children: ReactNode;
}

/** One action of a menu. */
export function MenuItem({ onSelect, icon, danger = false, disabled = false, render, children }: ItemProps) {
  return (
    <Base.Item
      className={classes(styles.item, danger && styles.danger)}
      disabled={disabled}
      onClick={onSelect}
      {...(render ? { render } : {})}
    >
      {icon}
      {children}
    </Base.Item>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
}

/** A choice of one of a few inside a menu. */
export function MenuChoice<Value extends string>({ label, value, options, onChange }: ChoiceProps<Value>) {
  return (
    <Base.RadioGroup
      value={value}
      onValueChange={(chosen: Value) => onChange(chosen)}
      className={styles.group}
    >
      <span className={styles.label}>{label}</span>
      {options.map((option) => (
        <Base.RadioItem key={option.value} value={option.value} className={styles.item} closeOnClick={false}>
          <Base.RadioItemIndicator className={styles.mark} keepMounted />
          {option.label}
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  );
}

/** A line between groups of actions. */
export function MenuSeparator() {
  return <Base.Separator className={styles.separator} />;
}
