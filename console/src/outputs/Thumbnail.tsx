import { Box, File, Music } from "lucide-react";
import { kindOf, localUrl, type Shown } from "./kinds";
import styles from "./Thumbnail.module.css";

/** A file in small, for tiles and lists. It fills its place. */
export function Thumbnail({ file, alt }: { file: Shown; alt: string }) {
  const kind = kindOf(file.mime_type);
  const picture = file.thumbnail_url ?? (kind === "image" ? file.url : null);
  if (picture) {
    return (
      <img className={styles.thumbnail} src={localUrl(picture)} alt={alt} loading="lazy" decoding="async" />
    );
  }
  if (kind === "video" && file.url) {
    return (
      <video
        className={styles.thumbnail}
        src={localUrl(file.url)}
        aria-label={alt}
        muted
        preload="metadata"
      />
    );
  }
  const Icon = kind === "audio" ? Music : kind === "model" ? Box : File;
  return (
    <span className={styles.symbol} role="img" aria-label={alt}>
      <Icon aria-hidden />
    </span>
  );
}
