import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Problem } from "../api/problem";
import { each } from "../kit/each";
import { complain, say } from "../kit/toasts";
import { type Change, changeJob } from "./queries";

const DONE: Record<Change, string> = { cancel: "cancelled", retry: "tried again" };

/** Cancel or retry many jobs; `over` is how many have been asked. */
export function useChangeJobs() {
  const client = useQueryClient();
  const [over, setOver] = useState(0);
  const change = useMutation({
    mutationFn: ({ what, ids }: { what: Change; ids: string[] }) => {
      setOver(0);
      return each(ids, (id) => changeJob(what, id), setOver);
    },
    onSuccess: ({ done, refused }, { what }) => {
      if (done > 0) void say(`${done} ${done === 1 ? "job is" : "jobs are"} ${DONE[what]}.`);
      if (refused.count > 0) {
        void complain(new Problem(`${refused.count} refused: ${refused.reasons.join(" ")}`, 0, "refused"));
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
  return { ...change, over };
}
