// Runs before the first paint, so that a theme that was chosen does not flash the other one.
try {
  for (const name of ["theme", "density"]) {
    const chosen = localStorage.getItem(`emprops.${name}`);
    if (chosen) document.documentElement.dataset[name] = chosen;
  }
} catch {
  // storage is switched off: the system's theme it is
}
