import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { SlidersHorizontal, WandSparkles } from "lucide-react";
import type { LibraryItem } from "../api/types";
import { collectionsQuery } from "../create/queries";
import { Button } from "../kit/Button";
import { Dialog } from "../kit/Dialog";
import shared from "../kit/link.module.css";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { say } from "../kit/toasts";
import styles from "./dialogs.module.css";
import { kindOf } from "./kinds";
import { developersQuery, useDevelop } from "./queries";

interface Props {
  open: boolean;
  onClose: () => void;
  output: Pick<LibraryItem, "id" | "mime_type">;
  /** Whether the page already shows what was developed from it. */
  isPage?: boolean;
}

/** What outputs of this kind can be developed with; null if nothing can. */
export function inputTypeOf({
  mime_type,
}: Pick<LibraryItem, "mime_type">): "image" | "video" | "text" | null {
  const kind = kindOf(mime_type);
  return kind === "image" || kind === "video" || kind === "text" ? kind : null;
}

/** Make something new of an output: at once, or with settings of one's own. */
export function DevelopDialog({ open, onClose, output, isPage = false }: Props) {
  const type = inputTypeOf(output) ?? "image";
  const developers = useQuery({ ...developersQuery(type), enabled: open });
  const develop = useDevelop(output.id);
  const navigate = useNavigate();
  const begin = (collection: string) => {
    develop.mutate(
      { collection, key: crypto.randomUUID() },
      {
        onSuccess: () => {
          onClose();
          if (isPage) void say("It has begun; see below what comes of it.");
          else void navigate({ to: "/o/$id", params: { id: output.id } });
        },
      },
    );
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Develop"
      about="Make something new of it. It stays as it is."
    >
      {developers.isPending && <Skeleton className={styles.waiting} />}
      {developers.isError && <ProblemNote problem={developers.error} onRetry={() => developers.refetch()} />}
      {developers.data?.length === 0 && (
        <Empty title="Nothing to develop it with">
          Publish a collection that takes a file of this kind, and make it global.
        </Empty>
      )}
      <ul className={styles.list}>
        {developers.data?.map((collection) => (
          <li key={collection.id} className={styles.developer}>
            <div>
              <b>{collection.title}</b>
              <p>{collection.description}</p>
            </div>
            <Link
              className={shared.link}
              to="/create/$collection"
              params={{ collection: collection.id }}
              search={{ input: output.id }}
            >
              <SlidersHorizontal aria-hidden />
              Settings
            </Link>
            <Button icon={<WandSparkles />} busy={develop.isPending} onClick={() => begin(collection.id)}>
              Develop
            </Button>
          </li>
        ))}
      </ul>
      {open && <Others id={output.id} />}
    </Dialog>
  );
}

/** Collections that might take it as one of their inputs. */
function Others({ id }: { id: string }) {
  const collections = useQuery(collectionsQuery).data?.filter((collection) => !collection.is_global) ?? [];
  if (collections.length === 0) return null;
  return (
    <details className={styles.others}>
      <summary>Use it in another collection</summary>
      <ul className={styles.list}>
        {collections.map((collection) => (
          <li key={collection.id}>
            <Link
              className={styles.choice}
              to="/create/$collection"
              params={{ collection: collection.slug ?? collection.id }}
              search={{ input: id }}
            >
              <span>{collection.title}</span>
            </Link>
          </li>
        ))}
      </ul>
    </details>
  );
}
