import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Gate } from "../session/Gate";
import { AccountButton } from "./AccountButton";
import { ConnectionBanner } from "./ConnectionBanner";
import { Dialogs } from "./Dialogs";
import styles from "./Frame.module.css";
import { PLACES } from "./places";
import { Running } from "./Running";

/** What is around every page: where one is, where one can go, and who one is. */
export function Frame() {
  return (
    <Gate>
      <button type="button" className={styles.skip} onClick={() => document.getElementById("page")?.focus()}>
        Skip to the page
      </button>
      <div className={styles.frame}>
        <nav className={styles.rail} aria-label="Main">
          <Link to="/" className={styles.mark} aria-label="EmProps: start">
            <img src="./icon.svg" alt="" width="32" height="32" />
          </Link>
          {PLACES.map(({ to, label, icon: Icon }) => (
            <Link key={to} to={to} className={styles.place} activeOptions={{ exact: to === "/" }}>
              <Icon aria-hidden />
              <span>{label}</span>
              {to === "/jobs" && <Running />}
            </Link>
          ))}
          <div className={styles.foot}>
            <AccountButton />
          </div>
        </nav>
        <div className={styles.main}>
          <ConnectionBanner />
          <Page />
        </div>
      </div>
      <Dialogs />
    </Gate>
  );
}

/** The page itself. It gets the focus when another one is opened, so that screen readers say which. */
function Page() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const place = useRef<HTMLElement>(null);
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is what it is about
  useEffect(() => {
    if (!first.current) place.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path]);
  return (
    <main id="page" className={styles.page} ref={place} tabIndex={-1}>
      <Outlet />
    </main>
  );
}
