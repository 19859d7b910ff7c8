// Where commands come from: each is a chunk of its own in the bundle. Dynamic imports take the name that the file has when built.
import type { Commands } from "./program";

export const commands: Commands = {
  audit: () => import("./commands/audit.js"),
};
