// What VMs say: the contract's examples of one VM's life, told by as many VMs for as long as is wanted.
import { createSecretKey, type KeyObject } from "node:crypto";
import { signedHeaders } from "@nexus-pull/client";
import { deriveVmKey } from "@nexus-pull/contract";
import examples from "@nexus-pull/contract/examples/events.json";

export const SECRET = "operator-secret-0123456789abcdef";
export const FLEET = "dev";

/** Once, at the first boot. */
const BEGINS = ["vm.booted", "bootstrap.started", "bootstrap.step", "bootstrap.succeeded"];
/** Again and again. */
const GOES_ON = [
  "run.queued",
  "run.source.verified",
  "run.started",
  "run.progress",
  "run.succeeded",
  "vm.heartbeat",
  "run.skipped",
];
const EXAMPLE = { vm: "nexus-01", stream: "0f1e2d3c4b5a69788796a5b4c3d2e1f0" };

function textOf(name: string): string {
  const found = examples.valid.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the contract has no example ${name}`);
  const { id, ...event } = found.value;
  const data = { ...event.data, seq: 0 };
  // The three that differ most are put where they need no search.
  return JSON.stringify({ ...event, data, id }).slice(0, -`"${id}"}`.length);
}

const [begins, goesOn] = [BEGINS.map(textOf), GOES_ON.map(textOf)];

export const vmName = (vm: number): string => `vm-${String(vm).padStart(5, "0")}`;
export const streamName = (vm: number): string => vm.toString(16).padStart(32, "0");

export interface Said {
  readonly id: string;
  readonly body: string;
}

/** The event of a VM with this number, from 1. */
export function said(vm: number, seq: number): Said {
  const later = seq - 1 - begins.length;
  const text = later < 0 ? begins[seq - 1] : goesOn[later % goesOn.length];
  const [stream, run] = [streamName(vm), Math.floor(Math.max(later, 0) / goesOn.length)];
  const id = `${stream}-${seq}`;
  const own = (text ?? "")
    .replaceAll(EXAMPLE.vm, vmName(vm))
    .replaceAll(EXAMPLE.stream, stream)
    .replaceAll(/"run_id":"[^"]*"/g, `"run_id":"r-${run}"`)
    .replace('"seq":0', `"seq":${seq}`);
  return { id, body: `${own}"${id}"}` };
}

const keys = new Map<number, KeyObject>();

function keyOf(vm: number): KeyObject {
  const key = keys.get(vm) ?? createSecretKey(Buffer.from(deriveVmKey(SECRET, FLEET, vmName(vm)), "ascii"));
  keys.set(vm, key);
  return key;
}

/** One event, or a batch of so many. */
function post(vm: number, seq: number, batch: number): Said {
  if (batch === 1) return said(vm, seq);
  const bodies = Array.from({ length: batch }, (_, index) => said(vm, seq + index).body);
  return { id: `${streamName(vm)}-${seq}-${seq + batch - 1}`, body: `[${bodies.join(",")}]` };
}

/** The bytes of the request that a VM posts its next events with. */
export function requestOf(vm: number, seq: number, keepAlive: boolean, batch = 1): Buffer {
  const { id, body } = post(vm, seq, batch);
  const type = `application/cloudevents${batch === 1 ? "" : "-batch"}+json`;
  const lines = [
    "POST /webhook HTTP/1.1",
    "host: localhost",
    `connection: ${keepAlive ? "keep-alive" : "close"}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(signedHeaders(keyOf(vm), { id, body, type })).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
