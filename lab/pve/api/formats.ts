// The kinds of values that Proxmox's API knows, for the tables of parameters.
import type { Check, PropertyFormat } from "./checks";

export const text: Check = { type: "string" };
export const bool: Check = { type: "boolean" };
export const number: Check = { type: "number" };

export function required(check: Check): Check {
  return { ...check, required: true };
}

export function int(minimum?: number, maximum?: number): Check {
  return { type: "integer", minimum, maximum };
}

export function oneOf(...values: string[]): Check {
  return { type: "string", enum: values };
}

export function matching(pattern: RegExp): Check {
  return { type: "string", pattern };
}

export function properties(keys: PropertyFormat["keys"], options: Omit<PropertyFormat, "keys"> = {}): Check {
  return { type: "string", properties: { keys, ...options } };
}

function named(pattern: RegExp, refusal: string): Check {
  return { type: "string", format: (value) => (pattern.test(value) ? undefined : refusal) };
}

const LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?";

export const dnsName = named(new RegExp(`^${LABEL}(\\.${LABEL})*$`), "value does not look like a valid DNS name");
export const nodeName = named(new RegExp(`^${LABEL}$`), "value does not look like a valid node name");
export const storageId = named(/^[a-z][a-z0-9\-_.]*[a-z0-9]$/i, "storage ID contains illegal characters");
export const poolId = named(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+){0,2}$/, "value doesn't look like a valid pool ID");
export const volumeId = named(/^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$/i, "unable to parse volume ID");
export const macAddress = named(/^[a-f0-9][02468ace](:[a-f0-9]{2}){5}$/i, "value is not a valid unicast MAC address");
export const diskSize = matching(/^\+?\d+(\.\d+)?[KMGT]?$/);
export const tagList: Check = {
  type: "string",
  format: (value) =>
    value.split(/[;, ]/).every((tag) => tag === "" || /^[a-z0-9_][a-z0-9_\-+.]*$/i.test(tag))
      ? undefined
      : "invalid characters in tag",
};
export const vmid: Check = {
  type: "integer",
  maximum: 999999999,
  format: (value) => (Number(value) >= 100 ? undefined : "value does not look like a valid VM ID"),
};
const IPV4_CIDR = /^(\d{1,3}\.){3}\d{1,3}\/([89]|[12]\d|3[012])$/;
const IPV6_CIDR = /^[0-9a-f:.]*:[0-9a-f:.]*\/\d{1,3}$/i;
export const ipv4Config = named(
  new RegExp(`^dhcp$|${IPV4_CIDR.source}`),
  "value does not look like a valid IPv4 network configuration",
);
export const ipv6Config = named(
  new RegExp(`^(dhcp|auto)$|${IPV6_CIDR.source}`, "i"),
  "value does not look like a valid IPv6 network configuration",
);
export const ipv4 = named(/^(\d{1,3}\.){3}\d{1,3}$/, "value does not look like a valid IPv4 address");
export const ipv6 = named(/^[0-9a-f:.]*:[0-9a-f:.]*$/i, "value does not look like a valid IPv6 address");
