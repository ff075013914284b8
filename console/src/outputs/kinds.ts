/** How a file is shown. */
export type Kind = "image" | "video" | "audio" | "text" | "model" | "file";

/** What a page needs of a file to show it. */
export interface Shown {
  url: string | null;
  mime_type: string | null;
  thumbnail_url: string | null;
  /** Of videos that Mux streams: the page with its player, which needs a policy of its own. */
  streams?: boolean;
  watch_url?: string | null;
}

/** Decide how a file is shown. SVG may carry scripts, so it is a file like any other. */
export function kindOf(mimeType: string | null): Kind {
  const type = (mimeType ?? "").toLowerCase();
  const [family] = type.split("/");
  if (type.startsWith("image/svg")) return "file";
  if (family === "image" || family === "video" || family === "audio" || family === "text") return family;
  if (family === "model") return "model";
  return type === "application/json" ? "text" : "file";
}

/** The address of one of our files on this host, whatever name the server has for itself. Others stay as they are. */
export function localUrl(url: string): string {
  try {
    const { pathname, search } = new URL(url, location.href);
    return /\/(files|assets)\//.test(pathname) ? pathname + search : url;
  } catch {
    return url;
  }
}
