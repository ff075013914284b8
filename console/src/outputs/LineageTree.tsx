import { Link } from "@tanstack/react-router";
import type { Relative } from "../api/types";
import { classes } from "../kit/classes";
import { count } from "../kit/format";
import { Progress } from "../kit/states";
import { useLiveJobs } from "../live/channel";
import styles from "./LineageTree.module.css";
import { arranged, type Node } from "./lineage";
import { Thumbnail } from "./Thumbnail";

interface Member extends Pick<Relative, "id" | "source_output_id" | "url" | "mime_type" | "thumbnail_url"> {
  status: Relative["status"] | "hidden";
  collection: { title: string };
}

interface Props {
  ancestors: readonly Member[];
  self: Member;
  descendants: readonly Member[];
}

const SIZE = 104;
const LABEL = 22;
const GAP_X = 56;
const GAP_Y = 20;

/** What an output came from and what came of it, from left to right. */
export function LineageTree({ ancestors, self, descendants }: Props) {
  const tree = arranged(ancestors, self, descendants);
  const width = tree.columns * (SIZE + GAP_X) - GAP_X;
  const height = tree.rows * (SIZE + LABEL + GAP_Y) - GAP_Y;
  const lines = tree.nodes.filter((node) => node.parent !== null);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys
    <section className={styles.scroll} aria-label="Lineage" tabIndex={0}>
      <div className={styles.tree} style={{ width, height }}>
        <svg className={styles.lines} width={width} height={height} aria-hidden>
          {lines.map((node) => (
            <path key={node.member.id} d={lineTo(node)} />
          ))}
        </svg>
        <ul>
          {tree.nodes.map((node) => (
            <li key={node.member.id} className={styles.node} style={placeOf(node)}>
              <Entry member={node.member} isSelf={node.member.id === self.id} />
            </li>
          ))}
        </ul>
      </div>
      {tree.more > 0 && <p className={styles.more}>And {count(tree.more)} more.</p>}
    </section>
  );
}

function Entry({ member, isSelf }: { member: Member; isSelf: boolean }) {
  const { id, status, collection } = member;
  return (
    <Link
      to="/o/$id"
      params={{ id }}
      className={classes(styles.link, isSelf && styles.self)}
      aria-current={isSelf ? "page" : undefined}
    >
      <span className={styles.picture}>
        {status === "completed" ? (
          <Thumbnail file={member} alt="" />
        ) : (
          <span className={styles.state}>
            {status === "failed" && <b>Failed</b>}
            {status === "hidden" && "Hidden"}
            {status !== "failed" && status !== "hidden" && <Making id={id} />}
          </span>
        )}
      </span>
      <span className={styles.label}>{isSelf ? "This one" : collection.title}</span>
    </Link>
  );
}

function Making({ id }: { id: string }) {
  const job = useLiveJobs().find((one) => one.output_ids.includes(id));
  const progress = job?.progress ?? 0;
  return (
    <>
      {progress > 0 ? `${Math.floor(progress)} %` : "Waiting"}
      <Progress value={progress > 0 ? progress : null} label="Being made" />
    </>
  );
}

function placeOf({ column, row }: { column: number; row: number }) {
  return { left: column * (SIZE + GAP_X), top: row * (SIZE + LABEL + GAP_Y), width: SIZE };
}

function lineTo({ parent, ...node }: Node<Member>): string {
  const from = placeOf(parent ?? node);
  const to = placeOf(node);
  const [x1, y1, x2, y2] = [from.left + SIZE, from.top + SIZE / 2, to.left, to.top + SIZE / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}`;
}
