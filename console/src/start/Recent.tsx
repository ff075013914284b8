import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import type { LibraryItem } from "../api/types";
import { kindOf } from "../outputs/kinds";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./Recent.module.css";

/** The newest results, the last one largest. */
export function Recent({ outputs }: { outputs: LibraryItem[] }) {
  return (
    <section className={styles.recent} aria-label="Recent results">
      <h2>
        Recent
        <Link to="/library">
          Library
          <ArrowRight aria-hidden />
        </Link>
      </h2>
      <ul className={styles.grid}>
        {outputs.map((output, index) => (
          <li key={output.id}>
            <Link to="/o/$id" params={{ id: output.id }} className={styles.tile}>
              <Picture output={output} large={index === 0} />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Picture({ output, large }: { output: LibraryItem; large: boolean }) {
  const alt = output.prompt || output.collection.title;
  const isPicture = kindOf(output.mime_type) === "image";
  return <Thumbnail file={large && isPicture ? { ...output, thumbnail_url: null } : output} alt={alt} />;
}
