import { useIsMutating, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { sentenceOf } from "../../api/problem";
import { isOf } from "./inputs";
import { upload } from "./upload";

const UPLOAD = ["upload"];

/** Whether a file is being sent. */
export function useIsUploading(): boolean {
  return useIsMutating({ mutationKey: UPLOAD }) > 0;
}

/** Upload files one after the other: the last one counts. `onDone` gets the value that names it. */
export function useUpload(media: "image" | "video" | "audio" | null, onDone: (value: string) => void) {
  const client = useQueryClient();
  const [percent, setPercent] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | undefined>();
  const { mutateAsync } = useMutation({
    mutationKey: UPLOAD,
    mutationFn: ({ file, signal }: { file: File; signal: AbortSignal }) => upload(file, setPercent, signal),
    meta: { handlesErrors: true },
  });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const send = async (file: File) => {
    running.current?.abort();
    if (!isOf(media, file.type)) {
      setProblem(otherKind(media, file.name, file.type));
      return;
    }
    const control = new AbortController();
    running.current = control;
    setProblem(undefined);
    setPercent(0);
    try {
      const asset = await mutateAsync({ file, signal: control.signal });
      client.setQueryData(["assets", asset.id], asset);
      void client.invalidateQueries({ queryKey: ["assets", "newest"] });
      if (isOf(media, asset.mime_type)) onDone(`asset:${asset.id}`);
      else setProblem(otherKind(media, file.name, asset.mime_type)); // the content decides, not the name
    } catch (thrown) {
      if (!control.signal.aborted) setProblem(sentenceOf(thrown));
    } finally {
      if (running.current === control) setPercent(null);
    }
  };
  return { percent, problem, send, stop: () => running.current?.abort() };
}

function otherKind(media: string | null, name: string, type: string): string {
  return `This takes ${media === "audio" ? "audio" : `${media}s`}, and ${name} is ${type}.`;
}
