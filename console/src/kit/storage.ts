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

/** Forget everything but what has one of these names. */
export function forget(but: readonly string[]): void {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
    for (const name of names) {
      if (!but.includes(name.slice(PREFIX.length))) localStorage.removeItem(name);
    }
  } catch {
    // nothing was remembered
  }
}
