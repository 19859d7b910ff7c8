#!/usr/bin/env node
/* eslint-disable @typescript-eslint/no-require-imports -- an import would load both, and run what is at their top */
// The process's program, or that of the store's thread in it. Each is only loaded where it runs.
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import type * as Program from "./program";
import type * as Thread from "./store/sqlite-thread";

/** What runs in the thread: this file again, or in its place, as long as it is not compiled, what can load it. */
const thread = __filename.endsWith(".ts") ? join(__dirname, "store", "source-thread.cjs") : __filename;

if (isMainThread) void (require("./program") as typeof Program).main(thread);
else void (require("./store/sqlite-thread") as typeof Thread).serveFile();
