import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compression, defineAlgorithm } from "vite-plugin-compression2";

const api = process.env.EMPROPS_API ?? "http://127.0.0.1:3331";

export default defineConfig({
  base: "./", // the api puts a <base> into index.html, so the console works under any path
  plugins: [
    react(),
    compression({
      algorithms: [defineAlgorithm("brotliCompress"), defineAlgorithm("gzip", { level: 9 })],
      include: /\.(js|css|svg)$/,
      threshold: 1000,
    }),
  ],
  build: {
    chunkSizeWarningLimit: 1200, // Mux's player
    target: "es2023",
    license: { fileName: "licenses.md" },
    manifest: "manifest.json",
    rollupOptions: {
      input: { index: "index.html", player: "src/watch/player.ts" },
    },
  },
  server: {
    proxy: Object.fromEntries(
      [
        "/api",
        "/files",
        "/assets",
        "/me",
        "/session",
        "/sessions",
        "/outputs",
        "/decks",
        "/credits",
        "/watch",
      ].map((path) => [path, api]),
    ),
  },
});
