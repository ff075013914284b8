import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { count } from "../kit/format";
import { Page } from "../kit/Page";
import { ProblemNote } from "../kit/states";
import { useLiveJobs } from "../live/channel";
import { hasEnded } from "../live/state";
import { useMe } from "../session/queries";
import { Checklist } from "./Checklist";
import { QuickCreate } from "./QuickCreate";
import { creditsQuery, recentQuery } from "./queries";
import { RecentSkeleton } from "./RecentSkeleton";

const NowRunning = lazy(() => import("./NowRunning").then(({ NowRunning: found }) => ({ default: found })));
const Recent = lazy(() => import("./Recent").then(({ Recent: found }) => ({ default: found })));

/** What runs, what was made last, and the shortest way to make something. */
export function StartPage() {
  const me = useMe();
  const recent = useQuery(recentQuery);
  const open = useLiveJobs().filter((job) => !hasEnded(job));
  const outputs = recent.data ?? [];
  const isNew = recent.data?.length === 0;
  return (
    <Page title="Home" heading="What will you make?" actions={me.features.credits && <Credits />}>
      <QuickCreate />
      <Suspense>{open.length > 0 && <NowRunning jobs={open} />}</Suspense>
      {isNew && <Checklist hasBegun={open.length > 0} />}
      {recent.error && <ProblemNote problem={recent.error} onRetry={() => recent.refetch()} />}
      {recent.isPending && <RecentSkeleton />}
      <Suspense fallback={<RecentSkeleton />}>{outputs.length > 0 && <Recent outputs={outputs} />}</Suspense>
    </Page>
  );
}

function Credits() {
  const credits = useQuery(creditsQuery).data;
  if (!credits) return null;
  const held = credits.held > 0 ? `, ${count(credits.held)} set aside` : "";
  return (
    <p>
      <strong>{count(credits.available)}</strong> credits{held}
    </p>
  );
}
