#!/usr/bin/env node
/* eslint-disable @typescript-eslint/no-require-imports -- an import would load both, and run what is at their top */
// The process's program, or that of the store's thread in it. Each is only loaded where it runs.
import { isMainThread } from "node:worker_threads";
import type * as Program from "./program";
import type * as Thread from "./store/sqlite-thread";

if (isMainThread) void (require("./program") as typeof Program).main(__filename);
else void (require("./store/sqlite-thread") as typeof Thread).serveFile();
