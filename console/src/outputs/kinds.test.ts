import { expect, it } from "vitest";
import { kindOf } from "./kinds";

it.each([
  ["image/png", "image"],
  ["IMAGE/WEBP", "image"],
  ["image/svg+xml", "file"],
  ["video/mp4", "video"],
  ["audio/flac", "audio"],
  ["text/plain", "text"],
  ["application/json", "text"],
  ["model/gltf-binary", "model"],
  ["application/zip", "file"],
  [null, "file"],
])("shows %s as %s", (type, kind) => {
  expect(kindOf(type)).toBe(kind);
});
