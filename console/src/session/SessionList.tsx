import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import { ProblemNote } from "../kit/states";
import { Time } from "../kit/Time";
import { sessions as list } from "../shell/dialogs";
import { useEndSession, useSessions } from "./queries";
import styles from "./SessionList.module.css";

/** Where one is signed in, and the way to end that. */
export function SessionList() {
  const isOpen = list.useIsOpen();
  const sessions = useSessions(isOpen);
  const end = useEndSession();
  return (
    <Dialog
      open={isOpen}
      onClose={list.close}
      title="Signed-in devices"
      about="A session that you end here stops working within 15 seconds."
    >
      {sessions.error && <ProblemNote problem={sessions.error} onRetry={() => sessions.refetch()} />}
      <ul className={styles.list}>
        {sessions.data?.map((session) => (
          <li key={session.id}>
            <div>
              <strong>{session.user_agent || "Unknown program"}</strong>
              <p>
                {session.current ? "This browser" : <Time at={session.last_seen_at} />} · {session.role}
              </p>
            </div>
            {!session.current && (
              <Button
                look="danger"
                busy={end.isPending && end.variables === session.id}
                onClick={() => end.mutate(session.id)}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
