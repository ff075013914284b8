import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FolderOpen } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Deck, DeckOutput } from "../api/types";
import { count } from "../kit/format";
import { Time } from "../kit/Time";
import { Thumbnail } from "../outputs/Thumbnail";
import styles from "./DeckCard.module.css";
import { DeckStatusMark } from "./DeckStatusMark";
import { collageQuery } from "./queries";

const MOST = 4;

/** A deck in the list: its first pictures, its name, how much is in it. */
export function DeckCard({ deck }: { deck: Deck }) {
  const [place, isSeen] = useSeen();
  const outputs = useQuery({ ...collageQuery(deck.id), enabled: isSeen && deck.output_count > 0 }).data ?? [];
  const pictures = coverFirst(outputs, deck.cover_output_id).slice(0, MOST);
  const results = deck.output_count === 1 ? "1 result" : `${count(deck.output_count)} results`;
  return (
    <Link to="/decks/$id" params={{ id: deck.id }} className={styles.card}>
      <span className={styles.collage} data-pictures={pictures.length} ref={place}>
        {pictures.length === 0 && <FolderOpen aria-hidden />}
        {pictures.map((output) => (
          <span key={output.id}>
            <Thumbnail file={output} alt="" />
          </span>
        ))}
      </span>
      <span className={styles.name}>{deck.name}</span>
      <span className={styles.about}>
        {results}
        <DeckStatusMark status={deck.status} />
        <Time at={deck.updated_at} />
      </span>
    </Link>
  );
}

function coverFirst(outputs: DeckOutput[], cover: string | null): DeckOutput[] {
  const finished = outputs.filter((output) => output.status === "completed");
  return finished.sort((one, other) => Number(other.id === cover) - Number(one.id === cover));
}

/** Return whether a place has ever been in sight: what is far down the list need not be loaded. */
function useSeen() {
  const place = useRef<HTMLElement>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!place.current || isSeen) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
      },
      { rootMargin: "300px" },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [isSeen]);
  return [place, isSeen] as const;
}
