import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { sentenceOf } from "../../api/problem";
import { isOf } from "./inputs";
import { upload } from "./upload";

/** Upload files one after the other: the last one counts. `onDone` gets the value that names it. */
export function useUpload(media: "image" | "video" | "audio" | null, onDone: (value: string) => void) {
  const client = useQueryClient();
  const [percent, setPercent] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | undefined>();
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const send = async (file: File) => {
    running.current?.abort();
    if (!isOf(media, file.type)) {
      setProblem(
        `This takes ${media === "audio" ? "audio" : `${media}s`}, and ${file.name} is ${file.type}.`,
      );
      return;
    }
    const control = new AbortController();
    running.current = control;
    setProblem(undefined);
    setPercent(0);
    try {
      const asset = await upload(file, setPercent, control.signal);
      client.setQueryData(["assets", asset.id], asset);
      void client.invalidateQueries({ queryKey: ["assets", "newest"] });
      onDone(`asset:${asset.id}`);
    } catch (thrown) {
      if (!control.signal.aborted) setProblem(sentenceOf(thrown));
    } finally {
      if (running.current === control) setPercent(null);
    }
  };
  return { percent, problem, send, stop: () => running.current?.abort() };
}
