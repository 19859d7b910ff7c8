import type { LogRecord } from "../domain/log";
import { A, B, folded, logOf } from "../test-support";
import { Fleets, keyOf } from "./fleets";

const put = (fleets: Fleets, log: readonly LogRecord[]): void => {
  const state = folded(log);
  fleets.put(new Map([[keyOf(state.fleet, state.vm), state]]));
};

test("a VM is found by each stream that it ever had", () => {
  const fleets = new Fleets();
  put(fleets, logOf(["vm.booted"]));
  expect([fleets.byStream(A)?.vm, fleets.byStream(B)]).toEqual(["nexus-01", undefined]);
  put(fleets, logOf(["vm.booted"], ["vm.booted", { stream: B }]));
  expect([fleets.byStream(A)?.current, fleets.byStream(B)?.current]).toEqual([B, B]);
});

test("fails when a VM whose machines are all gone is not found by them", () => {
  const fleets = new Fleets();
  put(fleets, logOf(["vm.booted"], ["vm.released"]));
  expect(fleets.byStream(A)?.vm).toBe("nexus-01");
});

test("tells what changed after a version, each once", () => {
  const fleets = new Fleets();
  put(fleets, logOf(["vm.booted", { vm: "vm-1" }]));
  const { version } = fleets;
  expect(fleets.changedSince(version)).toEqual([]);
  put(fleets, logOf(["vm.booted", { vm: "vm-2" }]));
  put(fleets, logOf(["vm.booted", { vm: "vm-2" }], ["bootstrap.started", { vm: "vm-2" }]));
  expect(fleets.changedSince(version).map(({ vm, phase }) => [vm, phase])).toEqual([["vm-2", "Bootstrapping"]]);
  expect(fleets.all().map(({ vm }) => vm)).toEqual(["vm-1", "vm-2"]);
});
