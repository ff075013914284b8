import { Popover as Base } from "@base-ui/react/popover";
import type { ReactElement, ReactNode } from "react";
import { classes } from "./classes";
import shared from "./floating.module.css";
import styles from "./Popover.module.css";

interface Props {
  /** The button that opens it. */
  trigger: ReactElement;
  title: string;
  children: ReactNode;
  align?: "start" | "center" | "end";
}

/** A few controls behind a button. */
export function Popover({ trigger, title, children, align = "end" }: Props) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={6} className={styles.positioner}>
          <Base.Popup className={classes(shared.floating, styles.popup)} aria-label={title}>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
