import { localUrl, type Shown } from "./kinds";

/** Browsers drop downloads that come faster. */
const PAUSE = 250;

/** Save files under the names that they have on the server. */
export async function download(files: readonly Shown[]): Promise<void> {
  for (const [at, { url }] of files.entries()) {
    if (!url) continue;
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    const link = document.createElement("a");
    link.href = localUrl(url);
    link.download = "";
    link.click();
  }
}
