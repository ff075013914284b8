import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { CircleAlert, Sparkles } from "lucide-react";
import { useEffect, useState } from "react";
import { stringify } from "../api/json";
import { Problem, sentenceOf } from "../api/problem";
import type { Collection } from "../api/types";
import { Button } from "../kit/Button";
import { classes } from "../kit/classes";
import { keyNames, useHotkeys } from "../kit/hotkeys";
import { useMe } from "../session/queries";
import { creditSentence } from "./form/faults";
import { useIsUploading } from "./form/useUpload";
import type { Variables } from "./form/values";
import styles from "./GenerateBar.module.css";
import { priceWords } from "./price";
import { priceQuery } from "./queries";
import type { Submit } from "./useSubmit";

/** Milliseconds without a change after which a price is asked for. */
const PAUSE = 350;

interface Props {
  collection: Collection;
  variables: Variables;
  /** Whether all that is needed was filled in. */
  complete: boolean;
  submit: Submit;
}

/** What it costs, and the button. It stays in sight while the form scrolls. */
export function GenerateBar({ collection, variables, complete, submit }: Props) {
  const me = useMe();
  const isUploading = useIsUploading();
  useHotkeys(
    [
      {
        keys: "mod+Enter",
        does: "Generate",
        whileWriting: true,
        run: (event) => {
          if (!event.repeat && !isUploading) submit.press();
        },
      },
    ],
    !me.reads_only,
  );
  if (me.reads_only) return <p className={styles.bar}>You may look, and not generate.</p>;
  return (
    <div className={styles.bar}>
      {submit.problem !== null && (
        <p className={styles.problem} role="alert">
          <CircleAlert aria-hidden />
          {submit.problem instanceof Problem ? creditSentence(submit.problem) : sentenceOf(submit.problem)}
        </p>
      )}
      <Button
        look="primary"
        className={styles.generate}
        icon={<Sparkles />}
        busy={isUploading}
        onClick={submit.press}
      >
        Generate
        <kbd aria-hidden>{keyNames("mod+Enter").join(" ")}</kbd>
      </Button>
      <Price collection={collection} variables={variables} complete={complete} />
    </div>
  );
}

function Price({ collection, variables, complete }: Omit<Props, "submit">) {
  const asked = useSettled(complete ? stringify(variables) : "", PAUSE);
  const price = useQuery({
    ...priceQuery(collection.id, asked),
    enabled: asked !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <p
      className={classes(styles.price, price.data?.enough === false && styles.short)}
      data-testid="price"
      aria-live="polite"
    >
      {price.data && complete && priceWords(price.data)}
      {!price.data && complete && price.isError && "The price of this cannot be told."}
      {!complete && "The price shows once all that is needed is filled in."}
    </p>
  );
}

/** A value once it has not changed for a while. */
function useSettled(value: string, pause: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value, pause]);
  return settled;
}
