// What the value of a field that takes a file names. Pure.

/** A file that a field is set to. */
export type Named =
  | { kind: "asset"; id: string }
  | { kind: "output"; id: string }
  /** One of our files, or one elsewhere. */
  | { kind: "address"; url: string };

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ASSET = new RegExp(`^(?:asset:)?(${ID})$|/assets/(${ID})(?:/|$)`, "i");
const OUTPUT = new RegExp(`^output:(${ID})$`, "i");

/** Return what a value names; null if it is empty. */
export function namedBy(value: string): Named | null {
  const text = value.trim();
  if (text === "") return null;
  const output = OUTPUT.exec(text)?.[1];
  if (output) return { kind: "output", id: output };
  const asset = ASSET.exec(text);
  const id = asset?.[1] ?? asset?.[2];
  return id ? { kind: "asset", id } : { kind: "address", url: text };
}

/** What a browser is asked to offer when a file is chosen. */
export function acceptOf(media: "image" | "video" | "audio" | null): string | undefined {
  return media === null ? undefined : media === "image" ? "image/*,.heic,.heif" : `${media}/*`;
}

/** Whether a file is of a kind. Its type may be unknown to the browser; then the server decides. */
export function isOf(media: "image" | "video" | "audio" | null, type: string): boolean {
  return media === null || type === "" || type.startsWith(`${media}/`);
}
