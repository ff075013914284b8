// One connection for all tabs: whichever holds the lock is connected and passes everything on to the others.

/** What tabs say to each other: everything, to one that was just opened, and then what happens. */
type Said<State, News> =
  | { says: "state"; state: State }
  | { says: "news"; news: News }
  | { says: "what is it?" };

const LOCK = "emprops.live";
const CHANNEL = "emprops.live";

/** How a tab takes part. */
export interface Part<State, News> {
  /** Be the one that is connected until the returned function is called. */
  lead: () => () => void;
  /** What this tab knows, for one that was just opened. */
  state: () => State;
  /** The tab that is connected says how things are. */
  onState: (state: State) => void;
  /** The tab that is connected passes on what happened. */
  onNews: (news: News) => void;
}

/** A tab among others. */
export interface Tab<News> {
  /** Pass on to the other tabs what happened. */
  tell: (news: News) => void;
  leave: () => void;
}

/** Take part. Where browsers have no locks (plain http from elsewhere than this machine) each tab leads itself. */
export function join<State, News>(part: Part<State, News>): Tab<News> {
  if (!navigator.locks) {
    const stop = part.lead();
    return { tell: () => {}, leave: stop };
  }
  const channel = new BroadcastChannel(CHANNEL);
  const left = new AbortController();
  let leads = false;
  const say = (said: Said<State, News>) => channel.postMessage(said);
  channel.onmessage = ({ data }: MessageEvent<Said<State, News>>) => {
    if (data.says === "what is it?") {
      if (leads) say({ says: "state", state: part.state() });
    } else if (!leads) {
      if (data.says === "state") part.onState(data.state);
      else part.onNews(data.news);
    }
  };
  say({ says: "what is it?" });
  navigator.locks
    .request(LOCK, { signal: left.signal }, () => {
      leads = true;
      const stop = part.lead();
      return new Promise<void>((resolve) => {
        left.signal.addEventListener("abort", () => {
          stop();
          resolve();
        });
      });
    })
    .catch(() => {}); // left before it was this tab's turn
  return {
    tell: (news) => say({ says: "news", news }),
    leave: () => {
      left.abort();
      channel.close();
    },
  };
}
