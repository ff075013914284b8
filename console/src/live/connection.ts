// The connection to the server: a WebSocket, or server-sent events where WebSockets are cut off. It comes back by itself
// and goes on where it was.
import { ROOT } from "../api/client";
import { parse } from "../api/json";
import { type Message, messageOf } from "./messages";

/** What the connection tells. */
export interface Receiver {
  /** The cursor from which to go on; null at the beginning. */
  since: () => string | null;
  onMessage: (message: Message) => void;
  onOpen: () => void;
  onLost: () => void;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
const PING_EVERY = 15_000;
/** Silence after which a connection counts as lost, though nobody closed it. */
const SILENCE = 35_000;
/** WebSockets that never opened before server-sent events are tried. */
const REFUSALS = 2;
const NAME = "console";

/** Stay connected until the returned function is called. */
export function connect(receiver: Receiver): () => void {
  let close = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE;
  let refusals = 0;
  let stopped = false;

  const attempt = () => {
    const open = refusals >= REFUSALS ? openEvents : openSocket;
    let opened = false;
    close = open(
      receiver,
      () => {
        opened = true;
        pause = FIRST_PAUSE;
        receiver.onOpen();
      },
      () => {
        refusals = opened ? 0 : (refusals + 1) % (REFUSALS * 2); // after both, in turn
        receiver.onLost();
        if (stopped) return;
        timer = setTimeout(attempt, opened ? 0 : pause * (0.5 + Math.random()));
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      },
    );
  };
  const retryNow = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    attempt();
  };
  window.addEventListener("online", retryNow);
  attempt();
  return () => {
    stopped = true;
    window.removeEventListener("online", retryNow);
    clearTimeout(timer);
    close();
  };
}

type Open = (receiver: Receiver, onOpen: () => void, onLost: () => void) => () => void;

const openSocket: Open = (receiver, onOpen, onLost) => {
  const socket = new WebSocket(`${ROOT}ws/client/${NAME}`);
  let heard = Date.now();
  const timer = setInterval(() => {
    if (Date.now() - heard > SILENCE) socket.close();
    else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping" }));
  }, PING_EVERY);
  socket.onopen = () => {
    const since = receiver.since();
    socket.send(JSON.stringify({ type: "subscribe_mine", previews: "inline", ...(since ? { since } : {}) }));
    onOpen();
  };
  socket.onmessage = (event: MessageEvent<string>) => {
    heard = Date.now();
    const message = messageOf(parse(event.data) as object);
    if (message) receiver.onMessage(message);
  };
  socket.onclose = () => {
    clearInterval(timer);
    onLost();
  };
  return () => socket.close();
};

const openEvents: Open = (receiver, onOpen, onLost) => {
  const since = receiver.since();
  const events = new EventSource(
    `${ROOT}api/jobs/stream?previews=inline${since ? `&last_event_id=${encodeURIComponent(since)}` : ""}`,
  );
  events.onopen = onOpen;
  events.onerror = () => {
    events.close(); // the same code as for WebSockets decides when to come back
    onLost();
  };
  for (const type of ["mine_subscribed", "my_job", "my_job_preview"]) {
    events.addEventListener(type, (event: MessageEvent<string>) => {
      const message = messageOf({ ...(parse(event.data) as object), type });
      if (message) receiver.onMessage(message);
    });
  }
  return () => events.close();
};
