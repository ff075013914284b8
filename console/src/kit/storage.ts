// What a browser remembers of one person's choices. Browsers may forbid it; then nothing is remembered.

const PREFIX = "emprops.";

/** Return what was remembered under a name, or null. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Remember a text under a name; null forgets it. */
export function remember(name: string, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
  } catch {
    // nothing is remembered
  }
}
