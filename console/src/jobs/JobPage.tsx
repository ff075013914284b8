import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { collectionsQuery } from "../create/queries";
import { ButtonLink } from "../kit/Button";
import { Page, useTitle } from "../kit/Page";
import { Gone, Skeleton } from "../kit/states";
import { useLiveJob } from "../live/channel";
import { hasEnded } from "../live/state";
import { JobActions } from "./JobActions";
import { JobFacts } from "./JobFacts";
import { JobHistory } from "./JobHistory";
import styles from "./JobPage.module.css";
import { JobPayload } from "./JobPayload";
import { JobResults } from "./JobResults";
import { JobState } from "./JobState";
import { JobTimeline } from "./JobTimeline";
import { titleOf } from "./names";
import { jobQuery } from "./queries";
import { useJobNow } from "./useJobNow";

const route = getRouteApi("/jobs/$id");

/** One job: what it makes, how far it is, what happened to it. */
export function JobPage() {
  const { id } = route.useParams();
  const live = useLiveJob(id);
  const query = useQuery({
    ...jobQuery(id),
    refetchInterval: ({ state }) => (state.data && !hasEnded(state.data) ? 4000 : false),
  });
  const job = useJobNow(query.data, live);
  const collections = useQuery(collectionsQuery).data;
  if (query.error && !query.data) return <NoJob problem={query.error} onRetry={() => query.refetch()} />;
  if (!job) return <Loading />;
  const collection = collections?.find((one) => one.id === job.data.collectionId);
  const title = titleOf({
    name: job.name,
    collection_title: collection?.title ?? live?.collection_title ?? null,
  });
  return (
    <Page
      title={title}
      about={<JobState job={job} />}
      actions={<JobActions job={job} collection={collection?.slug ?? job.data.collectionId} />}
    >
      <div className={styles.columns}>
        <div className={styles.main}>
          <JobResults job={job} />
          <JobTimeline job={job} />
        </div>
        <div className={styles.side}>
          <JobFacts job={job} />
          <JobPayload job={job} />
          <JobHistory job={job} />
        </div>
      </div>
    </Page>
  );
}

function Loading() {
  useTitle("Job");
  return (
    <div className={styles.loading}>
      <Skeleton className={styles.heading} />
      <Skeleton className={styles.picture} />
    </div>
  );
}

function NoJob({ problem, onRetry }: { problem: Error; onRetry: () => void }) {
  useTitle("No such job");
  const action = (
    <ButtonLink to="/jobs" search={{}}>
      Show your jobs
    </ButtonLink>
  );
  return (
    <Gone problem={problem} onRetry={onRetry} title="There is no such job" action={action}>
      It may be gone, or belong to somebody else.
    </Gone>
  );
}
