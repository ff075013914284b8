import { RotateCcw, Sparkles, Square } from "lucide-react";
import { useState } from "react";
import type { Job } from "../api/types";
import { Button, ButtonLink } from "../kit/Button";
import { ConfirmDialog } from "../kit/Dialog";
import { hasEnded } from "../live/state";
import { useMe } from "../session/queries";
import { useChangeJob } from "./queries";

/** What can be done to a job. */
export function JobActions({ job, collection }: { job: Job; collection: string }) {
  const change = useChangeJob(job.id);
  const [asking, setAsking] = useState(false);
  if (useMe().reads_only) return null;
  return (
    <>
      {!hasEnded(job) && (
        <Button
          look="danger"
          icon={<Square />}
          busy={change.isPending && change.variables === "cancel"}
          onClick={() => setAsking(true)}
        >
          Cancel
        </Button>
      )}
      {job.status === "failed" && (
        <Button
          look="primary"
          icon={<RotateCcw />}
          busy={change.isPending && change.variables === "retry"}
          onClick={() => change.mutate("retry")}
        >
          Retry
        </Button>
      )}
      <ButtonLink
        to="/create/$collection"
        params={{ collection }}
        search={{ from: job.id }}
        icon={<Sparkles />}
        look={job.status === "completed" ? "primary" : "plain"}
      >
        Reuse its parameters
      </ButtonLink>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Cancel this job?"
        about="What it has made so far is lost, and it costs nothing. You can retry it later."
        verb="Cancel the job"
        onConfirm={() => {
          setAsking(false);
          change.mutate("cancel");
        }}
      />
    </>
  );
}
