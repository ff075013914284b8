// A price in words. Pure.
import type { GenerationPrice } from "../api/types";
import { count } from "../kit/format";

type Price = Pick<GenerationPrice, "price" | "least" | "generations" | "needed" | "available" | "enough">;

/** Say what a generation costs, how much it makes, and whether that can be paid: "2 credits for 4 results". */
export function priceWords(price: Price): string {
  const results = price.generations > 1 ? ` for ${price.generations} results` : "";
  if (price.price === 0) return `Free${results}`;
  const range =
    price.least < price.price ? `${count(price.least)} to ${count(price.price)}` : count(price.price);
  const cost = `${range} ${range === "1" ? "credit" : "credits"}${results}`;
  if (!price.enough) return `${cost}, and you have ${count(price.available)}`;
  return price.needed === 0 ? `${cost}, not charged here` : cost;
}
