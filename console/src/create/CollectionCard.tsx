import { Link } from "@tanstack/react-router";
import type { Collection } from "../api/types";
import { count } from "../kit/format";
import { kindOf, localUrl, type Shown } from "../outputs/kinds";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./CollectionCard.module.css";
import { hueOf } from "./hue";

/** A collection as a card: what it makes, its name, what it is, and what it costs. */
export function CollectionCard({
  collection,
  example,
}: {
  collection: Collection;
  /** The newest of one's own results. */
  example: Shown | undefined;
}) {
  const { id, slug, title, description, price } = collection;
  return (
    <Link to="/create/$collection" params={{ collection: slug ?? id }} className={styles.card}>
      <span className={styles.picture}>
        <Cover collection={collection} example={example} />
      </span>
      <span className={styles.words}>
        <strong>{title}</strong>
        {description && <span className={styles.about}>{description}</span>}
        {price > 0 && <small>from {count(price)} credits</small>}
      </span>
    </Link>
  );
}

function Cover({ collection, example }: { collection: Collection; example: Shown | undefined }) {
  const own = collection.cover_image_url ? localUrl(collection.cover_image_url) : null;
  const kind = example ? kindOf(example.mime_type) : null;
  if (own && isHere(own)) return <img src={own} alt="" loading="lazy" />;
  if (example && (kind === "image" || kind === "video" || example.thumbnail_url)) {
    return <Thumbnail file={example} alt="" />;
  }
  const hue = hueOf(collection.id);
  return (
    <span
      className={styles.plain}
      style={{
        backgroundImage: `linear-gradient(135deg, oklch(74% 0.09 ${hue}), oklch(56% 0.1 ${hue + 50}))`,
      }}
      aria-hidden
    >
      {[...collection.title][0]}
    </span>
  );
}

/** Whether the browser may load it: pictures of other hosts are not shown in the console. */
function isHere(url: string): boolean {
  return new URL(url, location.href).origin === location.origin;
}
