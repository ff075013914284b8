import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { Job, OutputItem } from "../api/types";
import { jobQuery } from "../jobs/queries";
import { complain, say } from "../kit/toasts";
import { kindOf } from "../outputs/kinds";
import { outputQuery } from "../outputs/queries";
import type { Field, FileField } from "./form/fields";
import { type Draft, restored } from "./form/values";

/** Fill the form with what the URL brings: a job's variables (`from`), or a result to start from (`input`). */
export function useArrivals(fields: readonly Field[], onArrival: (changes: Draft) => void): void {
  const { from, input } = useSearch({ from: "/create/$collection" });
  const navigate = useNavigate({ from: "/create/$collection" });
  const job = useQuery({ ...jobQuery(from ?? ""), enabled: from !== undefined });
  const output = useQuery({ ...outputQuery(input ?? ""), enabled: input !== undefined });
  const latest = useRef(onArrival);
  useEffect(() => {
    latest.current = onArrival;
  });

  useEffect(() => {
    const arrived = from !== undefined && (job.data ?? job.error);
    if (!arrived) return;
    if (job.data) latest.current(fromJob(fields, job.data));
    else complain(job.error);
    void navigate({ search: ({ from: _, ...rest }) => rest, replace: true, resetScroll: false });
  }, [from, job.data, job.error, fields, navigate]);

  useEffect(() => {
    const arrived = input !== undefined && (output.data ?? output.error);
    if (!arrived) return;
    if (output.data) latest.current(fromOutput(fields, output.data));
    else complain(output.error);
    void navigate({ search: ({ input: _, ...rest }) => rest, replace: true, resetScroll: false });
  }, [input, output.data, output.error, fields, navigate]);
}

function fromJob(fields: readonly Field[], job: Pick<Job, "data">): Draft {
  const { draft, unknown } = restored(fields, job.data.variables);
  void say(
    unknown.length === 0
      ? "The form is as it was for that job."
      : `The form is as it was for that job, without ${unknown.join(", ")}, which this collection does not have.`,
  );
  return draft;
}

function fromOutput(fields: readonly Field[], output: Pick<OutputItem, "id" | "mime_type">): Draft {
  const field = fileFieldFor(fields, output.mime_type);
  if (field) return { [field.name]: `output:${output.id}` };
  void say("This collection takes no such file.");
  return {};
}

/** The first field that takes a file of a type. */
export function fileFieldFor(fields: readonly Field[], mimeType: string | null): FileField | undefined {
  const kind = kindOf(mimeType);
  return fields.find(
    (field): field is FileField => field.kind === "file" && (field.media === null || field.media === kind),
  );
}
