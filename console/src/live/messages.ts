// What the channel of all one's jobs says. It is documented in docs/12-websocket.md, "All your jobs".
import type { Job } from "../api/types";

/** A job as the channel tells it: whole each time. */
export interface LiveJob
  extends Pick<
    Job,
    | "id"
    | "name"
    | "status"
    | "progress"
    | "error_message"
    | "created_at"
    | "updated_at"
    | "started_at"
    | "completed_at"
    | "job_type"
    | "current_step"
    | "total_steps"
    | "retry_count"
    | "output_ids"
  > {
  collection_id: string | null;
  collection_title: string | null;
  /** Of the first finished output. */
  thumbnail_url: string | null;
  mime_type: string | null;
  wait_seconds: number | null;
  run_seconds: number | null;
  /** Credits. */
  cost: number | null;
  cancelled: boolean;
}

/** What a running step is making. */
export interface Preview {
  job_id: string;
  step_id: string;
  seq: number;
  mime_type: string;
  /** The picture itself, as a `data:` URL: at its address it may be gone before it is asked for. */
  url?: string;
  text?: string;
}

export type Message =
  | {
      type: "mine_subscribed";
      at: string;
      jobs: LiveJob[];
      resync: boolean;
      jobs_truncated: boolean;
    }
  | { type: "my_job"; at: string; job: LiveJob }
  | ({ type: "my_job_preview"; at: string } & Preview);

const TYPES = new Set(["mine_subscribed", "my_job", "my_job_preview"]);

/** Read what was received; null if it is none of these messages. */
export function messageOf(received: { type?: unknown; data_url?: unknown }): Message | null {
  if (typeof received.type !== "string" || !TYPES.has(received.type)) return null;
  const { data_url, ...message } = received;
  return { ...message, ...(data_url === undefined ? {} : { url: data_url }) } as Message;
}
