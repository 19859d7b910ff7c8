// Addresses of a receiver. What users write down is the address of its webhook: the base is that without `/webhook`.

/**
 * Base address of a receiver, without a slash at its end.
 *
 * @param address the webhook's full address, or the base itself
 */
export function baseOf(address: string): string {
  return address.replace(/\/+$/, "").replace(/\/webhook$/, "");
}

/** Base address of a receiver that listens at this host and port, as this machine reaches it. */
export function listeningBase(host: string, port: number): string {
  if (host === "0.0.0.0" || host === "::") return `http://localhost:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Path of a VM's requests: `wait`, `retire`, `release` or `acknowledge`. */
export function vmPath(fleet: string, vm: string, what: string): string {
  return `/fleets/${encodeURIComponent(fleet)}/vms/${encodeURIComponent(vm)}/${what}`;
}
