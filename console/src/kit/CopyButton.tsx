import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "./Button";
import { complain } from "./toasts";

/** A button that copies a text and says so. */
export function CopyButton({ text, children = "Copy" }: { text: string; children?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    } catch (error) {
      complain(error);
    }
  };
  return (
    <Button look="quiet" icon={copied ? <Check /> : <Copy />} onClick={copy}>
      {copied ? "Copied" : children}
    </Button>
  );
}
