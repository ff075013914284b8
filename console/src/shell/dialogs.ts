// The dialogs that every page can open. Their code is loaded when one is opened for the first time.
import { opener } from "../kit/opener";

export const palette = opener();
export const shortcuts = opener();
export const sessions = opener();
