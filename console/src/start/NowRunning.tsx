import { Link } from "@tanstack/react-router";
import { LiveTile } from "../jobs/LiveTile";
import { titleOf } from "../jobs/names";
import { count } from "../kit/format";
import { Elapsed } from "../kit/Time";
import type { LiveJob } from "../live/messages";
import styles from "./NowRunning.module.css";

const MOST_TILES = 8;
const MOST_WAITING = 3;

/** The jobs that are open: those that run as tiles, as many as fit into one row, and those that are next. */
export function NowRunning({ jobs }: { jobs: LiveJob[] }) {
  const running = jobs.filter((job) => job.status === "processing").slice(0, MOST_TILES);
  const waiting = jobs.filter((job) => job.status === "pending").reverse();
  const more = waiting.length - MOST_WAITING;
  return (
    <section className={styles.now} aria-label="Now">
      <h2>Now</h2>
      {running.length > 0 && (
        <ul className={styles.tiles}>
          {running.map((job) => (
            <li key={job.id}>
              <LiveTile job={job} />
            </li>
          ))}
        </ul>
      )}
      {waiting.length > 0 && (
        <ul className={styles.waiting} aria-label="Waiting">
          {waiting.slice(0, MOST_WAITING).map((job) => (
            <li key={job.id}>
              <Link to="/jobs/$id" params={{ id: job.id }}>
                {titleOf(job)}
              </Link>{" "}
              waits <Elapsed since={job.created_at} />
            </li>
          ))}
          {more > 0 && (
            <li>
              <Link to="/jobs" search={{ status: "pending" }}>
                {count(more)} more
              </Link>{" "}
              {more === 1 ? "waits" : "wait"}
            </li>
          )}
        </ul>
      )}
    </section>
  );
}
