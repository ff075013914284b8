import { useMutationState } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { stringify } from "../api/json";
import { Problem } from "../api/problem";
import type { Collection } from "../api/types";
import { say } from "../kit/toasts";
import { announce } from "../live/channel";
import { begun } from "./begun";
import { faultsOf } from "./form/faults";
import type { Field } from "./form/fields";
import { idOf } from "./form/ids";
import type { Faults, Variables } from "./form/values";
import { useGenerate } from "./queries";
import { freshKey, keyFor, type Submission } from "./submission";

interface Wanted {
  collection: Collection;
  fields: readonly Field[];
  variables: Variables;
  /** What is wrong with what was typed. */
  typed: Faults;
}

export interface Submit {
  press: () => void;
  /** Keys of the requests that are under way. */
  sending: string[];
  faults: Faults;
  /** Why the last one was refused, unless that is said at a field. */
  problem: unknown;
  /** Take back what was said of fields that were changed since. */
  forgive: (names: readonly string[]) => void;
}

/** Generate from what is in the form. Pressing twice makes one job; several may be under way. */
export function useSubmit(wanted: Wanted, onBegun: (jobId: string) => void): Submit {
  const { collection, fields, variables, typed } = wanted;
  const { mutateAsync } = useGenerate(collection.id);
  const [faults, setFaults] = useState<Faults>({});
  const [problem, setProblem] = useState<unknown>(null);
  const last = useRef<Submission | null>(null);
  const sending = useMutationState({
    filters: { mutationKey: ["generate", collection.id], status: "pending" },
    select: (mutation) => (mutation.state.variables as { key: string }).key,
  });

  const refuse = (found: Faults, thrown: unknown) => {
    setFaults(found);
    setProblem(Object.keys(found).length > 0 ? null : thrown);
    const first = fields.find((field) => found[field.name] !== undefined);
    if (first) requestAnimationFrame(() => document.getElementById(idOf(first.name))?.focus());
  };

  const press = async () => {
    if (Object.keys(typed).length > 0) {
      refuse(typed, null);
      return;
    }
    const text = stringify(variables);
    const key = keyFor(text, last.current, Date.now(), freshKey);
    if (last.current?.key === key && sending.includes(key)) return;
    const submission: Submission = { text, key, answered: null };
    last.current = submission;
    setFaults({});
    setProblem(null);
    try {
      const started = await mutateAsync({ variables, key });
      submission.answered = Date.now();
      announce(begun(started, collection));
      for (const warning of started.warnings) void say(warning);
      onBegun(started.jobId);
    } catch (thrown) {
      const isAnswer = thrown instanceof Problem && !thrown.passes;
      if (isAnswer && last.current === submission) last.current = null;
      refuse(
        thrown instanceof Problem
          ? faultsOf(
              thrown,
              fields.map((field) => field.name),
            )
          : {},
        thrown,
      );
    }
  };

  const forgive = useCallback(
    (names: readonly string[]) =>
      setFaults((before) =>
        names.some((name) => name in before)
          ? Object.fromEntries(Object.entries(before).filter(([name]) => !names.includes(name)))
          : before,
      ),
    [],
  );
  return { press: () => void press(), sending: [...new Set(sending)], faults, problem, forgive };
}
