// The results of a job as its evidence has them. Pure.
import type { ForensicJob } from "../api/types";
import type { Shown } from "../outputs/kinds";

/** An output of a job, as a tile needs it. */
export interface Result extends Shown {
  id: string;
  generation: number;
  status: string;
  error: string | null;
  width: number | null;
  height: number | null;
}

/** Return the visible outputs in the order of the job's generations. */
export function resultsOf(job: ForensicJob): Result[] {
  const files = new Map(job.payload._flat_files.map((file) => [file.id, file]));
  return job.outputs
    .filter((output) => output.status !== "hidden")
    .map((output) => {
      const file = output.flat_file_id === null ? undefined : files.get(output.flat_file_id);
      return {
        id: output.id,
        generation: output.generation,
        status: output.status,
        error: output.error_message,
        url: output.url,
        mime_type: output.mime_type,
        thumbnail_url: thumbnailOf(output.url, file),
        width: file?.width ?? null,
        height: file?.height ?? null,
      };
    })
    .sort((one, other) => one.generation - other.generation);
}

/** The evidence names thumbnails by their keys in storage; they have an address where the file itself has one. */
function thumbnailOf(
  url: string | null,
  file: { url: string; thumbnail_url: string | null } | undefined,
): string | null {
  if (!url || !file?.thumbnail_url || !url.endsWith(file.url)) return null;
  return url.slice(0, -file.url.length) + file.thumbnail_url;
}
