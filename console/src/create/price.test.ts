import { expect, it } from "vitest";
import { priceWords } from "./price";

const price = { price: 2, least: 2, generations: 1, needed: 2, available: 10, enough: true };

it.each([
  [{ price: 0, least: 0, needed: 0 }, "Free"],
  [{ price: 1, least: 1 }, "1 credit"],
  [{ price: 0.35, least: 0.1, generations: 4 }, "0.1 to 0.35 credits for 4 results"],
  [{ needed: 0 }, "2 credits, not charged here"],
  [{ available: 0.5, enough: false }, "2 credits, and you have 0.5"],
])("says %j", (changes, words) => {
  expect(priceWords({ ...price, ...changes })).toBe(words);
});
