import { type ReactNode, useEffect } from "react";
import styles from "./Page.module.css";
import { setPageTitle } from "./title";

interface Props {
  title: string;
  /** The words at the top, where they differ from the title of the tab. */
  heading?: string;
  /** A line under the title. */
  about?: ReactNode;
  /** Buttons at the end of the title's line. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its title, which the browser's tab shows too. */
export function Page({ title, heading, about, actions, children }: Props) {
  useTitle(title);
  return (
    <>
      <header className={styles.head}>
        <div>
          <h1>{heading ?? title}</h1>
          {about && <div className={styles.about}>{about}</div>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** Name the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    setPageTitle(title);
  }, [title]);
}
