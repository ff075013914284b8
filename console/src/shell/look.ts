// The looks a person can choose: light or dark, roomy or compact. `public/theme.js` sets them before the first paint.
import { useState } from "react";
import { recall, remember } from "../kit/storage";

export type Theme = "system" | "light" | "dark";
export type Density = "roomy" | "compact";

/** Under these names they are remembered, whoever signs in. */
export const LOOKS = ["theme", "density"] as const;

function useLook<Value extends string>(
  name: (typeof LOOKS)[number],
  usual: Value,
): [Value, (value: Value) => void] {
  const [value, setValue] = useState(() => (recall(name) as Value | null) ?? usual);
  const choose = (chosen: Value) => {
    setValue(chosen);
    remember(name, chosen === usual ? null : chosen);
    if (chosen === usual) delete document.documentElement.dataset[name];
    else document.documentElement.dataset[name] = chosen;
  };
  return [value, choose];
}

/** Light or dark, and how to choose. */
export function useTheme() {
  return useLook<Theme>("theme", "system");
}

/** How much room lists take, and how to choose. */
export function useDensity() {
  return useLook<Density>("density", "roomy");
}
