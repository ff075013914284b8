import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { useEffect, useState } from "react";
import type { Collection } from "../api/types";
import { classes } from "../kit/classes";
import { Select, TextInput } from "../kit/Fields";
import { count } from "../kit/format";
import { useHotkeys } from "../kit/hotkeys";
import { useLiveJobs } from "../live/channel";
import styles from "./JobFilters.module.css";
import { jobCountsQuery } from "./queries";
import { type JobsSearch, type Period, STATUSES, type Status, type Wanted } from "./search";

const NAMES: Record<Status, string> = {
  pending: "Waiting",
  processing: "Running",
  completed: "Done",
  failed: "Failed",
};
const PERIOD_NAMES: Record<Period, string> = {
  hour: "Last hour",
  day: "Last 24 hours",
  week: "Last 7 days",
  month: "Last 30 days",
};
const PAUSE = 250;

/** The states with how many jobs are in each; the one that is shown is marked. */
export function JobTabs({ wanted }: { wanted: Wanted }) {
  const counts = useQuery(jobCountsQuery(wanted));
  const { refetch } = counts;
  const open = useLiveJobs().map(({ id, status }) => id + status);
  const signature = open.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: other states of jobs make other counts
  useEffect(() => {
    const timer = setTimeout(() => void refetch(), PAUSE);
    return () => clearTimeout(timer);
  }, [signature, refetch]);
  const all = counts.data && Object.values(counts.data).reduce((sum, one) => sum + one, 0);
  return (
    <nav className={styles.tabs} aria-label="By state">
      <Tab name="All" status={undefined} number={all} wanted={wanted} />
      {STATUSES.map((status) => (
        <Tab
          key={status}
          name={NAMES[status]}
          status={status}
          number={counts.data?.[status]}
          wanted={wanted}
        />
      ))}
    </nav>
  );
}

interface TabProps {
  name: string;
  status: Status | undefined;
  number: number | undefined;
  wanted: Wanted;
}

function Tab({ name, status, number, wanted }: TabProps) {
  const isShown = wanted.status === status;
  const { status: _, ...others } = wanted;
  return (
    <Link
      to="/jobs"
      search={status ? { ...others, status } : others}
      replace
      resetScroll={false}
      className={classes(styles.tab, isShown && styles.shown)}
      activeOptions={{ exact: true, includeSearch: true }}
    >
      {name}
      <span className={styles.number}>{number === undefined ? "" : count(number)}</span>
    </Link>
  );
}

interface Props {
  wanted: Wanted;
  collections: Collection[];
  onChange: (changes: Partial<JobsSearch>) => void;
}

/** What else narrows the list: words, a collection, a time. */
export function JobFilters({ wanted, collections, onChange }: Props) {
  const isUnknown = wanted.collection && !collections.some(({ id }) => id === wanted.collection);
  return (
    <search className={styles.filters}>
      <Words text={wanted.q ?? ""} onChange={(q) => onChange({ q: q || undefined })} />
      <Select
        aria-label="Collection"
        value={wanted.collection ?? ""}
        onChange={(event) => onChange({ collection: event.target.value || undefined })}
      >
        <option value="">All collections</option>
        {isUnknown && <option value={wanted.collection}>Another collection</option>}
        {collections.map(({ id, title }) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
      </Select>
      <Select
        aria-label="Time"
        value={wanted.period ?? ""}
        onChange={(event) => onChange({ period: (event.target.value || undefined) as Period | undefined })}
      >
        <option value="">Any time</option>
        {Object.entries(PERIOD_NAMES).map(([period, name]) => (
          <option key={period} value={period}>
            {name}
          </option>
        ))}
      </Select>
    </search>
  );
}

/** The words are looked for when nothing was written for a moment. */
function Words({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const [written, setWritten] = useState(text);
  const [known, setKnown] = useState(text);
  if (known !== text) {
    setKnown(text);
    setWritten(text);
  }
  useEffect(() => {
    if (written.trim() === text) return;
    const timer = setTimeout(() => onChange(written.trim()), PAUSE);
    return () => clearTimeout(timer);
  });
  useHotkeys([
    { keys: "/", does: "Search the jobs", run: () => document.getElementById("job-words")?.focus() },
  ]);
  return (
    <div className={styles.words}>
      <Search aria-hidden />
      <TextInput
        id="job-words"
        type="search"
        aria-label="Search in prompts and titles"
        placeholder="Search in prompts and titles"
        value={written}
        maxLength={200}
        onChange={(event) => setWritten(event.target.value)}
      />
    </div>
  );
}
