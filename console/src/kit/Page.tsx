import { type ReactNode, useEffect } from "react";
import styles from "./Page.module.css";

interface Props {
  title: string;
  /** A line under the title. */
  about?: ReactNode;
  /** Buttons at the end of the title's line. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its title, which the browser's tab shows too. */
export function Page({ title, about, actions, children }: Props) {
  useTitle(title);
  return (
    <>
      <header className={styles.head}>
        <div>
          <h1>{title}</h1>
          {about && <p className={styles.about}>{about}</p>}
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
    document.title = `${title} · EmProps`;
  }, [title]);
}
