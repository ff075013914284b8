import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { JOIN } from "../api/queries";
import { useLiveJobs } from "../live/channel";
import type { LiveJob } from "../live/messages";
import { type Part, withNews } from "./list";
import { jobListQuery } from "./queries";
import type { Wanted } from "./search";

type Loaded = InfiniteData<Part, string | null>;

/** The list of jobs as it is now. */
export interface JobList {
  jobs: LiveJob[];
  isPending: boolean;
  isEmpty: boolean;
  error: Error | null;
  hasMore: boolean;
  more: () => void;
  retry: () => void;
}

/** Load a list of jobs, and keep it true by the live channel. */
export function useJobList(wanted: Wanted): JobList {
  const client = useQueryClient();
  const options = jobListQuery(wanted);
  const query = useInfiniteQuery(options);
  const news = useLiveJobs();
  const isLoaded = query.data !== undefined && !query.isPlaceholderData;
  const key = JSON.stringify(options.queryKey);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says what the options are
  useEffect(() => {
    if (!isLoaded || query.isFetching) return;
    client.setQueryData<Loaded>(options.queryKey, (loaded) => {
      if (!loaded) return loaded;
      const pages = withNews(loaded.pages, news, wanted);
      return pages === loaded.pages ? loaded : { ...loaded, pages };
    });
  }, [client, key, news, isLoaded, query.isFetching]);
  const pages = query.data?.pages;
  const jobs = useMemo(() => pages?.flatMap((part) => part.jobs) ?? [], [pages]);
  return {
    jobs,
    isPending: query.isPending,
    isEmpty: isLoaded && jobs.length === 0 && !query.hasNextPage,
    error: query.error,
    hasMore: query.hasNextPage,
    more: () => {
      if (query.hasNextPage && !query.isFetching) void query.fetchNextPage(JOIN);
    },
    retry: () => void query.refetch(),
  };
}
