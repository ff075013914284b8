import { RotateCcw, Square, X } from "lucide-react";
import { useState } from "react";
import { Button } from "../kit/Button";
import shared from "../kit/bar.module.css";
import { classes } from "../kit/classes";
import { ConfirmDialog } from "../kit/Dialog";
import { count } from "../kit/format";
import { useHotkeys } from "../kit/hotkeys";
import { IconButton } from "../kit/IconButton";
import { hasEnded } from "../live/state";
import type { Change } from "./queries";
import styles from "./SelectionBar.module.css";
import { useChangeJobs } from "./useChangeJobs";
import type { Selection } from "./useSelection";

/** What can be done to the selected jobs, at the bottom of the window. */
export function SelectionBar({ selection }: { selection: Selection }) {
  const change = useChangeJobs();
  const [asking, setAsking] = useState(false);
  const size = selection.ids.size;
  useHotkeys([{ keys: "Escape", does: "Select nothing", run: selection.clear }], size > 0 && !asking);
  if (size === 0) return null;
  const open = selection.jobs.filter((job) => !hasEnded(job)).map((job) => job.id);
  const failed = selection.jobs.filter((job) => job.status === "failed").map((job) => job.id);
  const act = (what: Change, ids: string[]) => {
    setAsking(false);
    change.mutate({ what, ids }, { onSuccess: selection.clear });
  };
  const isDoing = (what: Change) => change.isPending && change.variables.what === what;
  return (
    <div className={classes(shared.bar, styles.bar)} role="toolbar" aria-label="Selected jobs">
      <span className={classes(shared.count, styles.count)} aria-live="polite">
        {change.isPending ? `${change.over} of ${change.variables.ids.length}` : `${count(size)} selected`}
      </span>
      <Button
        icon={<RotateCcw />}
        disabled={failed.length === 0 || change.isPending}
        busy={isDoing("retry")}
        onClick={() => act("retry", failed)}
      >
        Retry {failed.length || ""}
      </Button>
      <Button
        look="danger"
        icon={<Square />}
        disabled={open.length === 0 || change.isPending}
        busy={isDoing("cancel")}
        onClick={() => setAsking(true)}
      >
        Cancel {open.length || ""}
      </Button>
      <IconButton label="Select nothing" shortcut="Esc" onClick={selection.clear}>
        <X />
      </IconButton>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={open.length === 1 ? "Cancel this job?" : `Cancel ${open.length} jobs?`}
        about="What they have made so far is lost, and they cost nothing. You can retry them later."
        verb={open.length === 1 ? "Cancel the job" : `Cancel ${open.length} jobs`}
        onConfirm={() => act("cancel", open)}
      />
    </div>
  );
}
