import { useEffect, useState } from "react";
import { ago, duration, fullTime } from "./format";

/** The time, again every so many milliseconds; null stops the clock. */
export function useNow(every: number | null): number {
  const [now, tick] = useState(Date.now);
  useEffect(() => {
    if (every === null) return;
    tick(Date.now());
    const timer = setInterval(() => tick(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** How long ago something was, kept true; in full on hover. */
export function Time({ at }: { at: string }) {
  const now = useNow(30_000);
  return (
    <time dateTime={at} title={fullTime(at)}>
      {ago(at, now)}
    </time>
  );
}

/** How long something has been going on, by the second. */
export function Elapsed({ since }: { since: string }) {
  const now = useNow(1000);
  return duration(Math.max(0, Math.round((now - Date.parse(since)) / 1000)));
}
