import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { compression, defineAlgorithm } from "vite-plugin-compression2";

const api = process.env.EMPROPS_URL ?? "http://127.0.0.1:3001";
const BASE = '<base href="/" />';

// The api puts the path under which it is reached into <base>, so a build works under any. Here it is the usual one.
const based: Plugin = {
  name: "base",
  apply: "serve",
  transformIndexHtml: (html) => html.replace(BASE, '<base href="/console/" />'),
};

export default defineConfig(({ command }) => ({
  base: command === "serve" ? "/console/" : "./",
  plugins: [
    react(),
    based,
    compression({
      algorithms: [defineAlgorithm("brotliCompress"), defineAlgorithm("gzip", { level: 9 })],
      include: /\.(js|css|svg)$/,
      threshold: 1000,
    }),
  ],
  build: {
    chunkSizeWarningLimit: 1200, // Mux's player
    target: "es2023",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // they know light-dark(), also below the root
    license: { fileName: "licenses.md" },
    manifest: "manifest.json",
    modulePreload: { polyfill: false }, // the target's browsers have it
    rollupOptions: {
      input: { index: "index.html", player: "src/watch/player.ts" },
    },
  },
  server: { proxy: { "^/(?!console)": { target: api, ws: true } } },
}));
