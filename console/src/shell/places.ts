import { FolderOpen, House, Images, ListChecks, type LucideIcon, Sparkles } from "lucide-react";

interface Place {
  to: "/" | "/create" | "/library" | "/decks" | "/jobs";
  label: string;
  icon: LucideIcon;
  /** The key that goes there, after `g`. */
  key: string;
}

/** Where the main navigation leads. */
export const PLACES: readonly Place[] = [
  { to: "/", label: "Home", icon: House, key: "h" },
  { to: "/create", label: "Create", icon: Sparkles, key: "c" },
  { to: "/library", label: "Library", icon: Images, key: "l" },
  { to: "/decks", label: "Decks", icon: FolderOpen, key: "d" },
  { to: "/jobs", label: "Jobs", icon: ListChecks, key: "j" },
];
