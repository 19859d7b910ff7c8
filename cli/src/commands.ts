// Where commands come from: each is a chunk of its own in the bundle. Dynamic imports take the name that the file has when built.
import type { Commands } from "./program-context";

export const commands: Commands = {
  audit: () => import("./commands/audit.js"),
  wait: () => import("./commands/wait.js"),
  status: () => import("./commands/status.js"),
  why: () => import("./commands/why.js"),
  events: () => import("./commands/events.js"),
  runs: () => import("./commands/runs.js"),
  operate: () => import("./commands/operate.js"),
};
