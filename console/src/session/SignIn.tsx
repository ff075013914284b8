import { KeyRound, LogIn } from "lucide-react";
import { type FormEvent, useState } from "react";
import { ROOT } from "../api/client";
import { sentenceOf } from "../api/problem";
import { Button } from "../kit/Button";
import { Field, TextInput, within } from "../kit/Fields";
import { useTitle } from "../kit/Page";
import { ProblemNote } from "../kit/states";
import { useSignIn } from "./queries";
import styles from "./SignIn.module.css";

/** The ways in: those that this installation has. */
export function SignIn({ ways, problem }: { ways: readonly string[]; problem: unknown }) {
  useTitle("Sign in");
  const signIn = useSignIn();
  const isOfKey = Boolean(signIn.variables);
  const failed = isOfKey ? problem : (signIn.error ?? problem);
  return (
    <main className={styles.alone}>
      <div className={styles.card}>
        <img src="./icon.svg" alt="" width="48" height="48" />
        <h1>Sign in to EmProps</h1>
        {failed !== null && !signIn.isPending && <ProblemNote problem={failed} />}
        {ways.includes("local") && (
          <Button look="primary" icon={<LogIn />} busy={signIn.isPending} onClick={() => signIn.mutate(null)}>
            Continue on this machine
          </Button>
        )}
        {ways.includes("oidc") && (
          <a
            className={styles.provider}
            href={`${ROOT}session/oidc?return_to=${encodeURIComponent(location.pathname)}`}
          >
            <LogIn aria-hidden />
            Sign in with your account
          </a>
        )}
        {ways.includes("key") && (
          <KeyForm
            busy={signIn.isPending}
            error={isOfKey && signIn.error ? sentenceOf(signIn.error) : undefined}
            onKey={(key) => signIn.mutate({ key })}
          />
        )}
        {ways.includes("link") && (
          <p className={styles.hint}>
            Or ask the operator for a link: <code>emprops console link</code> prints one.
          </p>
        )}
      </div>
    </main>
  );
}

interface KeyFormProps {
  busy: boolean;
  error: string | undefined;
  onKey: (key: string) => void;
}

function KeyForm({ busy, error, onKey }: KeyFormProps) {
  const [key, setKey] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onKey(key.trim());
    setKey("");
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field
        id="key"
        label="API key or token"
        hint="It is exchanged for a session and not stored in this browser."
        error={error}
      >
        <TextInput
          {...within("key", error)}
          type="password"
          autoComplete="off"
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
      </Field>
      <Button type="submit" icon={<KeyRound />} busy={busy} disabled={key.trim() === ""}>
        Sign in
      </Button>
    </form>
  );
}
