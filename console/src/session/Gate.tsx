import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect } from "react";
import { gathered } from "../kit/gathered";
import { ProblemNote } from "../kit/states";
import { follow } from "../live/channel";
import { SignedIn, standingQuery } from "./queries";
import styles from "./SignIn.module.css";

const LinkQuestion = lazy(() =>
  import("./LinkQuestion").then(({ LinkQuestion: found }) => ({ default: found })),
);
const SignIn = lazy(() => import("./SignIn").then(({ SignIn: found }) => ({ default: found })));

/** Let in who is signed in; ask the others to. */
export function Gate({ children }: { children: ReactNode }) {
  const standing = useQuery(standingQuery);
  if (standing.isPending) return null;
  if (standing.data === undefined) {
    return (
      <div className={styles.alone}>
        <ProblemNote problem={standing.error} onRetry={() => standing.refetch()} />
      </div>
    );
  }
  if (!("me" in standing.data)) {
    return (
      <Suspense fallback={null}>
        <Forgetting />
        {"ticket" in standing.data ? <LinkQuestion {...standing.data} /> : <SignIn {...standing.data} />}
      </Suspense>
    );
  }
  return (
    <SignedIn value={standing.data.me}>
      <Following />
      {children}
    </SignedIn>
  );
}

/** Forget what was loaded: the next one to sign in may be somebody else. */
function Forgetting() {
  const client = useQueryClient();
  useEffect(() => {
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== standingQuery.queryKey[0] });
  }, [client]);
  return null;
}

const CHANGED_BY_ENDS = ["jobs", "outputs", "decks", "credits"];
/** Milliseconds between two looks at what the ends of jobs have changed: thousands may end in a minute. */
const PAUSE = 1000;

/** Follow one's jobs while signed in, and look again at what they change. */
function Following() {
  const client = useQueryClient();
  useEffect(
    () =>
      follow({
        onEnd: gathered(
          () => Promise.all(CHANGED_BY_ENDS.map((key) => client.invalidateQueries({ queryKey: [key] }))),
          PAUSE,
        ),
        onResync: () => void client.invalidateQueries(),
        onLost: () => void client.invalidateQueries({ queryKey: standingQuery.queryKey }),
      }),
    [client],
  );
  return null;
}
