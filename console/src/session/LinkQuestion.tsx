import { useQueryClient } from "@tanstack/react-query";
import type { Session } from "../api/types";
import { Button } from "../kit/Button";
import { useTitle } from "../kit/Page";
import { ProblemNote } from "../kit/states";
import { standingQuery, useSignIn } from "./queries";
import styles from "./SignIn.module.css";

/** Ask before a link signs in somebody who is signed in already: it may have come from anybody. */
export function LinkQuestion({ ticket, session }: { ticket: string; session: Session }) {
  useTitle("Sign in");
  const client = useQueryClient();
  const signIn = useSignIn();
  const name = session.name || session.email;
  return (
    <main className={styles.alone}>
      <div className={styles.card}>
        <img src="./icon.svg" alt="" width="48" height="48" />
        <h1>Sign in with this link?</h1>
        <p>
          You are signed in{name && ` as ${name}`} in this browser. The link signs you in as the user it was
          made for, and what you make then is theirs.
        </p>
        {signIn.error && <ProblemNote problem={signIn.error} />}
        <Button look="primary" onClick={() => client.invalidateQueries({ queryKey: standingQuery.queryKey })}>
          Stay as I am
        </Button>
        <Button busy={signIn.isPending} disabled={signIn.isError} onClick={() => signIn.mutate({ ticket })}>
          Sign in with the link
        </Button>
      </div>
    </main>
  );
}
