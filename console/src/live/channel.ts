// The live channel as components use it: all of one's jobs, as they are now, in every tab.
import { useMemo, useSyncExternalStore } from "react";
import { connect } from "./connection";
import type { LiveJob, Message, Preview } from "./messages";
import { endedBy, type LiveState, NOTHING, next } from "./state";
import { join } from "./tabs";

/** `away`: it was tried for a while, without success. */
export type Connection = "connecting" | "live" | "away";

interface Shared extends LiveState {
  connection: Connection;
}

/** What has to look again when something happened. */
export interface Watcher {
  /** Jobs have ended: lists, decks and credits look different. */
  onEnd: (jobIds: string[]) => void;
  /** More happened than was told: everything may look different. */
  onResync: () => void;
  /** The connection was refused or lost, perhaps because the session has ended. */
  onLost: () => void;
}

/** Milliseconds without a connection before it is said to be away. */
const PATIENCE = 2500;

let shared: Shared = { ...NOTHING, connection: "connecting" };
const listeners = new Set<() => void>();

function set(changed: Shared): void {
  shared = changed;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What happened, as tabs tell each other. */
type News = Message | { type: "connection"; connection: Connection };

/** Follow all of one's jobs until the returned function is called. */
export function follow(watcher: Watcher): () => void {
  const hear = (news: News) => {
    const before = shared;
    if (news.type === "connection") {
      set({ ...shared, connection: news.connection });
      return;
    }
    set({ ...shared, ...next(shared, news) });
    const ended = endedBy(before, news);
    if (ended.length > 0) watcher.onEnd(ended);
    if (news.type === "mine_subscribed" && news.resync && before.at !== null) watcher.onResync();
  };
  const tab = join<Shared, News>({
    state: () => shared,
    onState: set,
    onNews: hear,
    lead: () =>
      lead(watcher, (news) => {
        hear(news);
        tab.tell(news);
      }),
  });
  return () => {
    tab.leave();
    set({ ...NOTHING, connection: "connecting" });
  };
}

function lead(watcher: Watcher, say: (news: News) => void): () => void {
  let patience: ReturnType<typeof setTimeout> | undefined;
  const stop = connect({
    since: () => shared.at,
    onMessage: say,
    onOpen: () => {
      clearTimeout(patience);
      patience = undefined;
      say({ type: "connection", connection: "live" });
    },
    onLost: () => {
      watcher.onLost();
      patience ??= setTimeout(() => say({ type: "connection", connection: "away" }), PATIENCE);
    },
  });
  return () => {
    clearTimeout(patience);
    stop();
  };
}

/** How the connection is. */
export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => shared.connection);
}

/** A job as it is now; undefined if the channel has not told of it. */
export function useLiveJob(id: string | null | undefined): LiveJob | undefined {
  return useSyncExternalStore(subscribe, () => (id ? shared.jobs.get(id) : undefined));
}

/** What a running job is making; undefined if it shows nothing. */
export function usePreview(jobId: string | null | undefined): Preview | undefined {
  return useSyncExternalStore(subscribe, () => (jobId ? shared.previews.get(jobId) : undefined));
}

/** All jobs that the channel told of, the newest first. */
export function useLiveJobs(): LiveJob[] {
  const jobs = useSyncExternalStore(subscribe, () => shared.jobs);
  return useMemo(
    () => [...jobs.values()].sort((one, other) => other.created_at.localeCompare(one.created_at)),
    [jobs],
  );
}

/** Put a job that was just begun into the list, before the channel tells of it. */
export function announce(job: LiveJob): void {
  if (!shared.jobs.has(job.id)) set({ ...shared, jobs: new Map(shared.jobs).set(job.id, job) });
}
