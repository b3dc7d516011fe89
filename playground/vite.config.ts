import { defineConfig } from "vite";

// `npm run dev` serves the page with changes as they are made, in front of a gateway that `make run` started.
const GATEWAY = "http://127.0.0.1:8080";

export default defineConfig({
  // sockjs-client was written for a bundler that knew this name.
  define: { global: "globalThis" },
  // The helper package is linked, and would bring a stompjs of its own.
  resolve: { dedupe: ["@stomp/stompjs"] },
  build: { target: "es2022", modulePreload: false, assetsInlineLimit: 0 },
  server: {
    proxy: {
      "/api": GATEWAY,
      "/ws": { target: GATEWAY, ws: true },
    },
  },
});
