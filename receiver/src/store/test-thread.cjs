// The store's thread of a test, where nothing is bundled.
require("tsx/cjs");
void require("./sqlite-thread.ts").serveFile();
