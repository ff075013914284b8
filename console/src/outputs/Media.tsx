import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { Skeleton } from "../kit/states";
import { kindOf, localUrl, type Shown } from "./kinds";
import styles from "./Media.module.css";

const MAX_TEXT = 256 * 1024;

/** A file in full: a picture, a film with its controls, sound, text, or a link to download it. */
export function Media({ file, alt }: { file: Shown; alt: string }) {
  if (!file.url) return null;
  const url = localUrl(file.url);
  const player = playerOf(file);
  if (player) return <iframe className={styles.player} src={player} title={alt} allow="fullscreen" />;
  switch (kindOf(file.mime_type)) {
    case "image":
      return <img className={styles.media} src={url} alt={alt} />;
    case "video":
      return (
        // biome-ignore lint/a11y/useMediaCaption: generated films have no captions
        <video
          className={styles.media}
          src={url}
          aria-label={alt}
          controls
          loop
          playsInline
          poster={file.thumbnail_url ? localUrl(file.thumbnail_url) : undefined}
        />
      );
    case "audio":
      // biome-ignore lint/a11y/useMediaCaption: generated sound has no captions
      return <audio className={styles.audio} src={url} aria-label={alt} controls />;
    case "text":
      return <Text url={url} />;
    default:
      return (
        <a className={styles.file} href={url} download>
          <Download aria-hidden />
          Download the file
        </a>
      );
  }
}

/** The beginning of a text. */
export function useText(url: string) {
  return useQuery({
    queryKey: ["text", url],
    queryFn: async ({ signal }) => (await (await fetch(url, { signal })).text()).slice(0, MAX_TEXT),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

function Text({ url }: { url: string }) {
  const text = useText(url);
  if (text.isPending) return <Skeleton className={styles.text} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys
    <pre className={styles.text} tabIndex={0}>
      {text.data ?? "The text cannot be loaded."}
    </pre>
  );
}

/** The path of the page with Mux's player; null if the browser plays the file itself. */
function playerOf({ streams, watch_url }: Shown): string | null {
  if (!streams || !watch_url) return null;
  const { pathname, search } = new URL(watch_url, location.href);
  return pathname + search;
}
