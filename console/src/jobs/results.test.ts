import { expect, it } from "vitest";
import type { ForensicJob } from "../api/types";
import { resultsOf } from "./results";

function evidence(outputs: object[], files: object[] = []): ForensicJob {
  return { outputs, payload: { _flat_files: files } } as unknown as ForensicJob;
}

it("finds the thumbnail next to the file, where the file is ours", () => {
  const file = { id: 7, url: "g/1.png", thumbnail_url: "t/g/1.webp", width: 5, height: 6 };
  const shown = (url: string) =>
    resultsOf(evidence([{ id: "a", generation: 0, status: "completed", url, flat_file_id: 7 }], [file]))[0];
  expect(shown("http://x/files/g/1.png")).toMatchObject({
    thumbnail_url: "http://x/files/t/g/1.webp",
    width: 5,
  });
  expect(shown("http://x/files/g/1.png?signature=1")?.thumbnail_url).toBeNull();
});

it("leaves out what is hidden, and keeps the order of the generations", () => {
  const found = resultsOf(
    evidence([
      { id: "b", generation: 1, status: "completed", url: null, flat_file_id: null },
      { id: "h", generation: 0, status: "hidden", url: null, flat_file_id: null },
      { id: "a", generation: 0, status: "failed", url: null, flat_file_id: null },
    ]),
  );
  expect(found.map((result) => result.id)).toEqual(["a", "b"]);
});
