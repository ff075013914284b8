import { expect, it } from "vitest";
import type { Collection } from "../api/types";
import { likely } from "./quick";

const collection = (id: string, input_type: string | null = null) => ({ id, input_type }) as Collection;

it("offers what was used last, then what needs no file", () => {
  const all = [
    collection("upscale", "image"),
    collection("story"),
    collection("art"),
    collection("film", "image"),
  ];
  const used = ["film", "art", "film"].map((collection_id) => ({ collection_id }));
  expect(likely(all, used, 3).map(({ id }) => id)).toEqual(["film", "art", "story"]);
  expect(likely(all, [], 2).map(({ id }) => id)).toEqual(["story", "art"]);
});
