// The store's thread where nothing is compiled: a thread has to be taught TypeScript by itself.
require("tsx/cjs");
void require("./sqlite-thread.ts").serveFile();
