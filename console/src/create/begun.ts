import type { Collection } from "../api/types";
import type { LiveJob } from "../live/messages";

/** A job that was just begun, as it is until the channel tells of it. */
export function begun(
  started: { jobId: string; outputIds: string[] },
  collection: Pick<Collection, "id" | "title">,
): LiveJob {
  return {
    id: started.jobId,
    name: collection.title,
    status: "pending",
    progress: 0,
    error_message: null,
    created_at: new Date().toISOString(),
    updated_at: "", // older than anything that the channel tells
    started_at: null,
    completed_at: null,
    job_type: "collection_generation",
    current_step: 0,
    total_steps: 1,
    retry_count: 0,
    output_ids: started.outputIds,
    collection_id: collection.id,
    collection_title: collection.title,
    thumbnail_url: null,
    mime_type: null,
    wait_seconds: null,
    run_seconds: null,
    cost: null,
    cancelled: false,
  };
}
