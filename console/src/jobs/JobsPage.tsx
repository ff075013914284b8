import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { collectionsQuery } from "../create/queries";
import { ButtonLink } from "../kit/Button";
import { Page } from "../kit/Page";
import { Empty, ProblemNote } from "../kit/states";
import { useMe } from "../session/queries";
import { JobFilters, JobTabs } from "./JobFilters";
import { JobList, JobListSkeleton } from "./JobList";
import { SelectionBar } from "./SelectionBar";
import { type JobsSearch, wantedOf } from "./search";
import { useJobList } from "./useJobList";
import { useSelection } from "./useSelection";

const route = getRouteApi("/jobs");

/** One's jobs, as they are now. */
export function JobsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (changes: Partial<JobsSearch>) =>
    void navigate({
      search: (before) => ({ ...before, selected: undefined, ...changes }),
      replace: true,
      resetScroll: false,
    });
  const wanted = wantedOf(search);
  const list = useJobList(wanted);
  const me = useMe();
  const selection = useSelection(search.selected, list.jobs, (selected) => change({ selected }));
  const collections = useQuery(collectionsQuery).data ?? [];
  return (
    <Page title="Jobs">
      <JobTabs wanted={wanted} />
      <JobFilters wanted={wanted} collections={collections} onChange={change} />
      {list.error && <ProblemNote problem={list.error} onRetry={list.retry} />}
      {list.isPending && !list.error && <JobListSkeleton />}
      {list.isEmpty && <Nothing narrowed={Object.keys(wanted).length > 0} />}
      {list.jobs.length > 0 && (
        <JobList
          jobs={list.jobs}
          selection={me.reads_only ? null : selection}
          hasMore={list.hasMore}
          onMore={list.more}
        />
      )}
      <SelectionBar selection={selection} />
    </Page>
  );
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  if (narrowed) {
    return (
      <Empty
        title="No job matches"
        action={
          <ButtonLink to="/jobs" search={{}}>
            Show all jobs
          </ButtonLink>
        }
      >
        Widen the time, or take away a filter.
      </Empty>
    );
  }
  return (
    <Empty
      title="No jobs yet"
      action={
        <ButtonLink to="/create" look="primary">
          Create something
        </ButtonLink>
      }
    >
      Whatever you generate appears here while it waits and runs, and stays when it is done.
    </Empty>
  );
}
