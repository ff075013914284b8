import { expect, it } from "vitest";
import { FITTING, kept, zoomed } from "./zoom";

const stage = { width: 1000, height: 800 };
const picture = { width: 800, height: 800 };

it("keeps the point under the pointer", () => {
  const view = zoomed(FITTING, 4, { x: 100, y: -50 }, stage, picture);
  expect(view).toEqual({ scale: 4, x: -300, y: 150 });
});

it("is never smaller than fits, and then in the middle", () => {
  expect(zoomed({ scale: 2, x: 90, y: 0 }, 0.1, { x: 5, y: 5 }, stage, picture)).toEqual(FITTING);
});

it("does not lose the picture", () => {
  expect(kept({ scale: 2, x: 5000, y: -5000 }, stage, picture)).toEqual({ scale: 2, x: 300, y: -400 });
});
