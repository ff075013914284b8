import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeftRight } from "lucide-react";
import type { Output } from "../api/types";
import { Button, ButtonLink } from "../kit/Button";
import { numbered } from "../kit/format";
import { Page } from "../kit/Page";
import { Segmented } from "../kit/Segmented";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { kindOf, localUrl } from "../outputs/kinds";
import { Media } from "../outputs/Media";
import { nameOf } from "../outputs/names";
import { compared, parametersOf } from "../outputs/parameters";
import { outputQuery } from "../outputs/queries";
import styles from "./ComparePage.module.css";
import { Partners } from "./Partners";
import { Slider } from "./Slider";

const route = getRouteApi("/compare");
const VIEWS = [
  { value: "slider", label: "Slider" },
  { value: "side", label: "Side by side" },
] as const;

/** Two outputs, and what differs in how they were made. */
export function ComparePage() {
  const { a, b } = route.useSearch();
  if (a && b) return <Both a={a} b={b} />;
  const chosen = a ?? b;
  return (
    <Page title="Compare" about={chosen ? "Choose what to compare it with." : undefined}>
      {chosen ? (
        <Partners id={chosen} />
      ) : (
        <Empty title="Nothing to compare" action={<ButtonLink to="/library">Open the library</ButtonLink>}>
          Select two outputs in the library, then choose Compare.
        </Empty>
      )}
    </Page>
  );
}

function Both({ a, b }: { a: string; b: string }) {
  const one = useQuery(outputQuery(a));
  const other = useQuery(outputQuery(b));
  const { view } = route.useSearch();
  const navigate = route.useNavigate();
  const failed = [one, other].find((query) => query.isError);
  if (failed) return <ProblemNote problem={failed.error} onRetry={() => failed.refetch()} />;
  if (!one.data || !other.data) return <Skeleton className={styles.waiting} />;
  const canSlide = isPicture(one.data) && isPicture(other.data);
  const isSide = view === "side" || !canSlide;
  const actions = (
    <>
      {canSlide && (
        <Segmented
          label="View"
          value={isSide ? "side" : "slider"}
          options={VIEWS}
          onChange={(value) =>
            void navigate({ search: { a, b, ...(value === "side" ? { view: value } : {}) }, replace: true })
          }
        />
      )}
      <Button
        icon={<ArrowLeftRight />}
        onClick={() =>
          void navigate({ search: (now) => ({ ...now, a: b, b: a }), replace: true, resetScroll: false })
        }
      >
        Swap
      </Button>
    </>
  );
  return (
    <Page title="Compare" actions={actions}>
      {isSide ? (
        <div className={styles.sides}>
          <Side letter="A" output={one.data} />
          <Side letter="B" output={other.data} />
        </div>
      ) : (
        <Slider one={pictureOf(one.data)} other={pictureOf(other.data)} />
      )}
      <Differences one={one.data} other={other.data} />
    </Page>
  );
}

function Side({ letter, output }: { letter: string; output: Output }) {
  return (
    <figure className={styles.side}>
      <div className={styles.file}>
        {output.status === "completed" ? (
          <Media file={output} alt={`${letter}: ${nameOf(output)}`} />
        ) : (
          <p className={styles.note}>{output.error_message ?? "There is nothing to see of it yet."}</p>
        )}
      </div>
      <figcaption>
        <Link to="/o/$id" params={{ id: output.id }}>
          {letter}: {nameOf(output)}
        </Link>
      </figcaption>
    </figure>
  );
}

function Differences({ one, other }: { one: Output; other: Output }) {
  const { different, same } = compared(factsOf(one), factsOf(other));
  return (
    <section className={styles.differences} aria-labelledby="differences">
      <h2 id="differences">What differs</h2>
      {different.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">Parameter</span>
              </th>
              <th scope="col">
                <Link to="/o/$id" params={{ id: one.id }}>
                  A
                </Link>
              </th>
              <th scope="col">
                <Link to="/o/$id" params={{ id: other.id }}>
                  B
                </Link>
              </th>
            </tr>
          </thead>
          <tbody>
            {different.map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td>{row.one ?? "–"}</td>
                <td>{row.other ?? "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className={styles.same}>
        {different.length === 0
          ? "Both were made from the same parameters."
          : same > 0 && `${numbered(same, "parameter")} ${same === 1 ? "is" : "are"} the same.`}
      </p>
    </section>
  );
}

/** What two outputs are compared by: how they were made, and what came out. */
function factsOf(output: Output) {
  const { width, height, collection } = output;
  return [
    ...parametersOf(output.input_metadata),
    { name: "collection", value: collection.title },
    ...(width !== null && height !== null ? [{ name: "size", value: `${width} × ${height}` }] : []),
  ];
}

function isPicture({ status, url, mime_type }: Output): boolean {
  return status === "completed" && url !== null && kindOf(mime_type) === "image";
}

function pictureOf(output: Output) {
  const { width, height, url } = output;
  return { url: localUrl(url ?? ""), name: nameOf(output), width, height };
}
