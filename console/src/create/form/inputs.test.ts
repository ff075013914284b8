import { expect, it } from "vitest";
import { acceptOf, isOf, namedBy } from "./inputs";

const ID = "0192f3a4-0000-7000-8000-000000000001";

it("tells what a value names", () => {
  expect(namedBy(" ")).toBeNull();
  expect(namedBy(ID)).toEqual({ kind: "asset", id: ID });
  expect(namedBy(`asset:${ID}`)).toEqual({ kind: "asset", id: ID });
  expect(namedBy(`http://localhost:3001/assets/${ID}/content`)).toEqual({ kind: "asset", id: ID });
  expect(namedBy(`output:${ID}`)).toEqual({ kind: "output", id: ID });
  expect(namedBy("https://example.com/a.png")).toEqual({ kind: "address", url: "https://example.com/a.png" });
});

it("offers files of the kind, and leaves unknown ones to the server", () => {
  expect(acceptOf("video")).toBe("video/*");
  expect(acceptOf(null)).toBeUndefined();
  expect(isOf("image", "image/png")).toBe(true);
  expect(isOf("image", "video/mp4")).toBe(false);
  expect(isOf("image", "")).toBe(true);
});
