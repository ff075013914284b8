import { useState } from "react";
import { ROOT } from "../api/client";
import type { Collection } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { Dialog } from "../kit/Dialog";
import { Segmented } from "../kit/Segmented";
import { useMe } from "../session/queries";
import styles from "./CodeDialog.module.css";
import { codeOf, type Language } from "./code";
import type { Variables } from "./form/values";

const LANGUAGES: readonly { value: Language; label: string }[] = [
  { value: "curl", label: "curl" },
  { value: "python", label: "Python" },
  { value: "typescript", label: "TypeScript" },
];

interface Props {
  collection: Collection;
  variables: Variables;
  onClose: () => void;
}

/** The call that makes the same, to be copied into a program. */
export function CodeDialog({ collection, variables, onClose }: Props) {
  const me = useMe();
  const [language, setLanguage] = useState<Language>("curl");
  const needsKey = me.mode !== "local";
  const code = codeOf(language, {
    base: `${location.origin}${ROOT.replace(/\/$/, "")}`,
    collection: collection.slug ?? collection.id,
    userId: me.user_id ?? "",
    needsKey,
    variables,
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title="The same as code"
      about={
        needsKey
          ? "It reads your API key from the environment variable EMPROPS_TOKEN."
          : "It runs as it is, on this machine."
      }
    >
      <div className={styles.bar}>
        <Segmented label="Language" value={language} options={LANGUAGES} onChange={setLanguage} />
        <CopyButton text={code} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys */}
      <pre className={styles.code} tabIndex={0}>
        {code}
      </pre>
    </Dialog>
  );
}
