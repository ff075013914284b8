// Bring a file, and tell how far it is: `fetch` cannot tell that of what is sent.
import { ROOT } from "../../api/client";
import { parse } from "../../api/json";
import { Problem, problemOf } from "../../api/problem";
import type { Asset } from "../../api/types";

/** Upload a file as an asset. `onProgress` gets percents. Aborting rejects with an `AbortError`. */
export function upload(
  file: File,
  onProgress: (percent: number) => void,
  signal: AbortSignal,
): Promise<Asset> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}assets?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress((100 * event.loaded) / event.total);
    };
    request.onload = () => {
      const body = bodyOf(request.responseText);
      if (request.status < 300) resolve((body as { data: Asset }).data);
      else reject(problemOf(new Response(null, { status: request.status }), body));
    };
    request.onerror = () => reject(new Problem("The file could not be sent. Try again.", 0, "unreachable"));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function bodyOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null; // a proxy's page
  }
}
