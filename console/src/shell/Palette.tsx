import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { FileSearch, FolderOpen, type LucideIcon, Search, Sparkles } from "lucide-react";
import { useState } from "react";
import { collectionsQuery } from "../create/queries";
import { decksQuery } from "../decks/queries";
import { isId } from "../kit/ids";
import { palette } from "./dialogs";
import styles from "./Palette.module.css";
import { PLACES } from "./places";

interface Entry {
  label: string;
  about: string;
  icon: LucideIcon;
  go: () => void;
}

interface Group {
  value: string;
  items: Entry[];
}

/** Go anywhere by its name: pages, collections, decks, and jobs and outputs by their ids. Opened with Ctrl+K. */
export function Palette() {
  const isOpen = palette.useIsOpen();
  return (
    <Dialog.Root open={isOpen} onOpenChange={(now) => !now && palette.close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={styles.backdrop} />
        <Dialog.Popup className={styles.popup} aria-label="Go to">
          <Entries />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Entries() {
  const [text, setText] = useState("");
  const groups = useGroups(text.trim());
  const choose = (entry: Entry) => {
    palette.close();
    entry.go();
  };
  return (
    <Autocomplete.Root
      open
      inline
      items={groups}
      value={text}
      onValueChange={setText}
      itemToStringValue={(entry: Entry) => entry.label}
      autoHighlight="always"
      keepHighlight
    >
      <div className={styles.search}>
        <Search aria-hidden />
        <Autocomplete.Input aria-label="Go to" placeholder="A page, a collection, a deck, or an id" />
      </div>
      <Autocomplete.Empty className={styles.empty}>Nothing has this name.</Autocomplete.Empty>
      <Autocomplete.List className={styles.list}>
        {(group: Group) => (
          <Autocomplete.Group key={group.value} items={group.items} className={styles.group}>
            <Autocomplete.GroupLabel className={styles.label}>{group.value}</Autocomplete.GroupLabel>
            <Autocomplete.Collection>
              {(entry: Entry) => (
                <Autocomplete.Item
                  key={entry.label}
                  value={entry}
                  className={styles.item}
                  onClick={() => choose(entry)}
                >
                  <entry.icon aria-hidden />
                  <span>{entry.label}</span>
                  <small>{entry.about}</small>
                </Autocomplete.Item>
              )}
            </Autocomplete.Collection>
          </Autocomplete.Group>
        )}
      </Autocomplete.List>
    </Autocomplete.Root>
  );
}

function useGroups(text: string): Group[] {
  const navigate = useNavigate();
  const collections = useQuery(collectionsQuery).data ?? [];
  const decks = useQuery(decksQuery).data ?? [];
  const groups: Group[] = [
    {
      value: "Pages",
      items: PLACES.map(({ to, label, icon }) => ({
        label,
        about: "",
        icon,
        go: () => void navigate({ to }),
      })),
    },
    {
      value: "Collections",
      items: collections.map(({ id, title, slug }) => ({
        label: title,
        about: slug ?? "",
        icon: Sparkles,
        go: () =>
          void navigate({
            to: "/create/$collection",
            params: { collection: slug ?? id },
          }),
      })),
    },
    {
      value: "Decks",
      items: decks.map(({ id, name }) => ({
        label: name,
        about: "",
        icon: FolderOpen,
        go: () => void navigate({ to: "/decks/$id", params: { id } }),
      })),
    },
  ];
  if (isId(text)) groups.unshift({ value: "By id", items: byId(text, navigate) });
  return groups.filter((group) => group.items.length > 0);
}

function byId(id: string, navigate: ReturnType<typeof useNavigate>): Entry[] {
  const entry = (label: string, go: () => void): Entry => ({
    label: `${label} ${id}`,
    about: "",
    icon: FileSearch,
    go,
  });
  const params = { id: id.toLowerCase() };
  return [
    entry("Job", () => void navigate({ to: "/jobs/$id", params })),
    entry("Result", () => void navigate({ to: "/o/$id", params })),
    entry("Deck", () => void navigate({ to: "/decks/$id", params })),
  ];
}
