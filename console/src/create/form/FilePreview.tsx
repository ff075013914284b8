import { useQuery } from "@tanstack/react-query";
import { Link } from "lucide-react";
import { Skeleton } from "../../kit/states";
import { localUrl, type Shown } from "../../outputs/kinds";
import { outputQuery } from "../../outputs/queries";
import { Thumbnail } from "../../outputs/Thumbnail";
import { assetQuery } from "../queries";
import styles from "./FileInput.module.css";
import { namedBy } from "./inputs";

type Media = "image" | "video" | "audio" | null;

/** The file that a field is set to, in small. */
export function FilePreview({ value, media }: { value: string; media: Media }) {
  const named = namedBy(value);
  if (!named) return null;
  if (named.kind === "asset") return <AssetPreview id={named.id} />;
  if (named.kind === "output") return <OutputPreview id={named.id} />;
  const isOurs = localUrl(named.url) !== named.url || named.url.startsWith(location.origin);
  return isOurs && media ? (
    <Shot file={{ url: named.url, mime_type: `${media}/*`, thumbnail_url: null }} name="" />
  ) : (
    <Words>{named.url}</Words>
  );
}

function AssetPreview({ id }: { id: string }) {
  const asset = useQuery(assetQuery(id));
  if (asset.isPending) return <Skeleton className={styles.shot} />;
  if (!asset.data) return <Words>This file is gone. Choose another.</Words>;
  return <Shot file={{ ...asset.data, thumbnail_url: null }} name={asset.data.name} />;
}

function OutputPreview({ id }: { id: string }) {
  const output = useQuery(outputQuery(id));
  if (output.isPending) return <Skeleton className={styles.shot} />;
  if (!output.data) return <Words>This result is gone. Choose another.</Words>;
  return <Shot file={output.data} name="One of your results" />;
}

function Shot({ file, name }: { file: Shown; name: string }) {
  return (
    <figure className={styles.shown}>
      <div className={styles.shot}>
        <Thumbnail file={file} alt={name || "The chosen file"} />
      </div>
      {name && <figcaption>{name}</figcaption>}
    </figure>
  );
}

function Words({ children }: { children: string }) {
  return (
    <p className={styles.words}>
      <Link aria-hidden />
      {children}
    </p>
  );
}
