import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Code, RotateCcw } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react";
import type { Collection } from "../api/types";
import { IconButton } from "../kit/IconButton";
import { say } from "../kit/toasts";
import { useLiveJobs } from "../live/channel";
import { useMe } from "../session/queries";
import { FormFields } from "./form/FormFields";
import type { Field } from "./form/fields";
import { useDraft } from "./form/useDraft";
import { freshDraft, variablesOf } from "./form/values";
import { GenerateBar } from "./GenerateBar";
import { recentJobsQuery } from "./queries";
import { Strip } from "./Strip";
import styles from "./Studio.module.css";
import { Stage } from "./stage/Stage";
import { entriesOf } from "./strip";
import { useArrivals } from "./useArrivals";
import { useSubmit } from "./useSubmit";

const CodeDialog = lazy(() => import("./CodeDialog").then(({ CodeDialog: found }) => ({ default: found })));

/** Where the stage is below the form, as `Studio.module.css` has it. */
const STACKED = "(max-width: 44rem)";

/** The form of a collection, what it makes, and the jobs that were begun with it. */
export function Studio({ collection, fields }: { collection: Collection; fields: readonly Field[] }) {
  const me = useMe();
  const { job: chosen } = useSearch({ from: "/create/$collection" });
  const navigate = useNavigate({ from: "/create/$collection" });
  const { draft, change } = useDraft(`${me.user_id}.${collection.id}`, fields);
  const { variables, faults: typed } = useMemo(() => variablesOf(fields, draft), [fields, draft]);
  const stage = useRef<HTMLElement>(null);
  const [code, setCode] = useState(false);

  const show = useCallback(
    (job: string) =>
      void navigate({ search: (before) => ({ ...before, job }), replace: true, resetScroll: false }),
    [navigate],
  );
  const submit = useSubmit({ collection, fields, variables, typed }, (job) => {
    show(job);
    if (matchMedia(STACKED).matches) stage.current?.scrollIntoView({ block: "start" });
  });
  useArrivals(fields, (changes) => {
    change(changes);
    submit.forgive(Object.keys(changes));
  });

  const startAnew = () => {
    change(freshDraft(fields));
    submit.forgive(fields.map((field) => field.name));
    void say("The form is as it was at first.", () => change(draft));
  };

  const live = useLiveJobs();
  const recent = useQuery(recentJobsQuery(collection.id));
  const entries = useMemo(
    () =>
      entriesOf(
        live.filter((job) => job.collection_id === collection.id),
        recent.data ?? [],
      ),
    [live, recent.data, collection.id],
  );
  const shown = chosen ?? entries[0]?.id;

  return (
    <div className={styles.studio}>
      <section className={styles.form} aria-label="What to make">
        <header className={styles.head}>
          <Link to="/create" className={styles.back}>
            <ArrowLeft aria-hidden />
            All collections
          </Link>
          <div className={styles.title}>
            <h1>{collection.title}</h1>
            <IconButton label="Start anew with the form" onClick={startAnew}>
              <RotateCcw />
            </IconButton>
            <IconButton label="Show as code" onClick={() => setCode(true)}>
              <Code />
            </IconButton>
          </div>
          {collection.description && <p>{collection.description}</p>}
        </header>
        <div className={styles.fields}>
          {fields.length === 0 && <p className={styles.none}>It needs nothing from you.</p>}
          <FormFields
            fields={fields}
            draft={draft}
            faults={submit.faults}
            onChange={(changes) => {
              change(changes);
              submit.forgive(Object.keys(changes));
            }}
          />
        </div>
        <GenerateBar
          collection={collection}
          variables={variables}
          complete={Object.keys(typed).length === 0}
          submit={submit}
        />
      </section>
      <section className={styles.stage} aria-label="Result" ref={stage}>
        <Stage
          jobId={shown}
          sending={submit.sending}
          empty={!recent.isPending}
          collection={collection}
          fields={fields}
        />
      </section>
      <Strip entries={entries} shown={shown} sending={submit.sending} onShow={show} />
      {code && (
        <Suspense fallback={null}>
          <CodeDialog collection={collection} variables={variables} onClose={() => setCode(false)} />
        </Suspense>
      )}
    </div>
  );
}
