// Browsers start no workers for pages that are read from disk, so the search runs in a hidden frame there.
"use strict";

if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.worker = this;
      this.frame.srcdoc = `<script>postMessage = data => frameElement.worker.answer(data)</script>
        <script src="${url}"></script>`;
      this.ready = new Promise(resolve => this.frame.addEventListener("load", resolve));
      document.body.append(this.frame);
    }

    async postMessage(data) {
      await this.ready;
      this.frame.contentWindow?.onmessage({ data: structuredClone(data) });
    }

    answer(data) {
      const copy = structuredClone(data);
      setTimeout(() => this.onmessage?.({ data: copy }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
