import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { Output } from "../api/types";
import { ButtonLink } from "../kit/Button";
import { useHotkeys } from "../kit/hotkeys";
import { useTitle } from "../kit/Page";
import { Gone, Skeleton } from "../kit/states";
import { useMe } from "../session/queries";
import { Actions } from "./Actions";
import { useHide, useStar } from "./changes";
import { Details } from "./Details";
import { Growing } from "./Growing";
import { LineageTree } from "./LineageTree";
import { Media } from "./Media";
import { nameOf } from "./names";
import styles from "./OutputPage.module.css";
import { lineageQuery, outputQuery } from "./queries";

const route = getRouteApi("/o/$id");

/** One output: the file, what it was made from, and what was made from it. */
export function OutputPage() {
  const { id } = route.useParams();
  const output = useQuery(outputQuery(id));
  useTitle(output.data ? nameOf(output.data) : "Output");
  if (output.isError) {
    const action = <ButtonLink to="/library">Open the library</ButtonLink>;
    return (
      <Gone
        problem={output.error}
        onRetry={() => output.refetch()}
        title="There is no such output"
        action={action}
      >
        It may belong to somebody else, or its address is not complete.
      </Gone>
    );
  }
  if (!output.data) return <Skeleton className={styles.waiting} />;
  return <Loaded key={id} output={output.data} />;
}

function Loaded({ output }: { output: Output }) {
  const star = useStar();
  const hide = useHide();
  const { id, starred } = output;
  const mayChange = !useMe().reads_only;
  useHotkeys([
    {
      keys: "s",
      does: "Star",
      when: (event) => mayChange && onPage(event),
      run: () => star.mutate({ ids: [id], starred: !starred }),
    },
    {
      keys: "x",
      does: "Hide",
      when: (event) => mayChange && onPage(event) && output.status !== "hidden",
      run: () => hide.mutate({ ids: [id] }),
    },
  ]);
  return (
    <article className={styles.page}>
      <div className={styles.stage} style={sizeOf(output)}>
        <Shown output={output} />
      </div>
      <div className={styles.about}>
        <h1 className={styles.title}>{nameOf(output)}</h1>
        <Actions output={output} isPage />
        <Details output={output} title={nameOf(output)} />
      </div>
      <Lineage output={output} />
    </article>
  );
}

/** As large as fits, in the proportions of the file if they are known; small ones at most twice as large as they are. */
function sizeOf({ width, height }: Output) {
  if (!width || !height) return {};
  return { aspectRatio: `${width} / ${height}`, maxWidth: `min(80dvh * ${width / height}, ${2 * width}px)` };
}

function Shown({ output }: { output: Output }) {
  switch (output.status) {
    case "pending":
    case "processing":
      return <Growing output={output} />;
    case "failed":
      return (
        <div className={styles.note} role="status">
          <b>This could not be made</b>
          <p>{output.error_message}</p>
        </div>
      );
    case "hidden":
      return (
        <div className={styles.note} role="status">
          <b>This is hidden</b>
          <p>{HIDDEN[output.hidden_by ?? "owner"]}</p>
        </div>
      );
    default:
      return <Media file={output} alt={nameOf(output)} />;
  }
}

const HIDDEN = {
  owner: "It is in no list and no deck. Bring it back, or its file is removed after some weeks.",
  operator: "An operator hid it.",
  time: "Its time is over, and its file is removed.",
  server: "Another output shows the same result.",
} as const;

function Lineage({ output }: { output: Output }) {
  const lineage = useQuery(lineageQuery(output.id));
  if (!lineage.data) return null;
  const { ancestors, descendants } = lineage.data;
  if (ancestors.length + descendants.length === 0) return null;
  return (
    <section className={styles.lineage} aria-labelledby="lineage">
      <h2 id="lineage">Lineage</h2>
      <LineageTree ancestors={ancestors} self={output} descendants={descendants} />
    </section>
  );
}

function onPage({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest("[role=dialog],[role=menu]") === null;
}
