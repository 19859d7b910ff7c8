// `nexus-pull retire VM...` and `nexus-pull acknowledge VM...`
import { randomBytes } from "node:crypto";
import { operate, vmPath } from "@nexus-pull/client";
import type { Run } from "../context";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { findOne } from "../receiver/vms";

export interface OperateOptions {
  readonly action: "retire" | "acknowledge";
  readonly vms: readonly string[];
  readonly fleet?: string;
  readonly json: boolean;
}

export const run: Run<OperateOptions> = async ({ action, vms, fleet, json }, context) => {
  const access = accessOf(context, true);
  // All names are looked up before anything is changed: a misspelt one changes nothing.
  const found = [];
  for (const word of vms) found.push(await findOne(access, word, fleet));
  for (const one of found) {
    const id = `${action}-${randomBytes(12).toString("hex")}`;
    const answer = await operate(access, vmPath(one.fleet, one.vm, action), {
      action,
      fleet: one.fleet,
      vm: one.vm,
      id,
    });
    const done = answer[`${action.replace(/e$/, "")}ed`] === true;
    const line = { fleet: one.fleet, vm: one.vm, done };
    context.terminal.out(
      json
        ? JSON.stringify(line)
        : `${one.fleet}/${one.vm}: ${done ? `${action.replace(/e$/, "")}ed` : "there was nothing to do"}`,
    );
  }
  return EXIT.ok;
};
