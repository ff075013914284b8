import { useQuery } from "@tanstack/react-query";
import { Check, Circle, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { collectionsQuery } from "../create/queries";
import { classes } from "../kit/classes";
import { useMe } from "../session/queries";
import styles from "./Checklist.module.css";
import { workersQuery } from "./queries";

/** What an installation needs for its first picture, and which of it is there. The first that is missing says what to do. */
export function Checklist({ hasBegun }: { hasBegun: boolean }) {
  const me = useMe();
  const seesWorkers = me.role !== "user";
  const workers = useQuery({ ...workersQuery, enabled: seesWorkers });
  const collections = useQuery(collectionsQuery);
  const points: Point[] = [
    {
      name: "There is something to create from",
      isThere: collections.data && collections.data.length > 0,
      todo: (
        <>
          Publish a collection, or plant the samples with <code>emprops db samples</code>.
        </>
      ),
    },
    {
      name: "The first result",
      isThere: false,
      isUnderWay: hasBegun,
      todo: hasBegun
        ? "It is on its way."
        : "Choose one of the above, say what you want, and press Ctrl+Enter.",
    },
  ];
  if (seesWorkers) {
    points.unshift({
      name: "A worker is live",
      isThere: workers.data && workers.data.length > 0,
      todo: (
        <>
          Start one: <code>emprops worker</code>, on this machine or another.
        </>
      ),
    });
  }
  const next = points.findIndex((point) => point.isThere === false);
  return (
    <section className={styles.list} aria-label="To begin with">
      <h2>To begin with</h2>
      <ol>
        {points.map((point, index) => (
          <Item key={point.name} point={point} isNext={index === next} />
        ))}
      </ol>
    </section>
  );
}

interface Point {
  name: string;
  /** Undefined: it is not known yet. */
  isThere: boolean | undefined;
  isUnderWay?: boolean;
  todo: ReactNode;
}

function Item({ point, isNext }: { point: Point; isNext: boolean }) {
  const Icon = point.isThere ? Check : point.isUnderWay ? LoaderCircle : Circle;
  return (
    <li className={classes(styles.item, point.isThere && styles.there, isNext && styles.next)}>
      <Icon aria-hidden />
      <div>
        {point.name}
        {point.isThere && <span className="visually-hidden">: done</span>}
        {isNext && <p>{point.todo}</p>}
      </div>
    </li>
  );
}
