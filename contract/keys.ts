import { createHash, timingSafeEqual } from "node:crypto";

/** An operator's request; its lines, joined by a newline, are what the MAC is made of. */
export type OperatorRequest =
  | { readonly action: "roster"; readonly fleet: string; readonly id: string; readonly body: string | Uint8Array }
  | {
      readonly action: "release" | "retire" | "acknowledge" | "wait";
      readonly fleet: string;
      readonly vm: string;
      readonly id: string;
    }
  | {
      readonly action: "trust";
      readonly fleet: string;
      readonly vm: string;
      /** The machine that is the VM. */
      readonly stream: string;
      readonly id: string;
    }
  | { readonly action: "resend"; readonly forwarder: string; readonly id: string };

const sha256Hex = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Hashed twice, so that nothing can be appended to a message; OpenTofu has sha256() but no HMAC. */
function mac(secret: string, message: string): string {
  // OpenTofu keeps every string in NFC, so a secret that was typed decomposed must give the same key here.
  const key = secret.normalize("NFC");
  return sha256Hex(key + sha256Hex(key + message));
}

/** The key of one VM: 64 hex characters, which as ASCII are the HMAC key of its Standard Webhooks signatures. */
export function deriveVmKey(secret: string, fleet: string, vm: string): string {
  return mac(secret, `${fleet}/${vm}`);
}

/** The text that a request's MAC is made of. */
export function requestMessage(request: OperatorRequest): string {
  return linesOf(request).join("\n");
}

function linesOf(request: OperatorRequest): readonly string[] {
  const { action, id } = request;
  if (request.action === "resend") return [action, request.forwarder, id];
  if (request.action === "roster") return [action, request.fleet, id, sha256Hex(request.body)];
  if (request.action === "trust") return [action, request.fleet, request.vm, id, request.stream];
  return [action, request.fleet, request.vm, id];
}

/** The value of the header nexus-pull-mac. */
export function requestMac(secret: string, request: OperatorRequest): string {
  return `v1,${mac(secret, requestMessage(request))}`;
}

/** Whether a header nexus-pull-mac (one or several MACs, separated by a space) fits one of the secrets. */
export function verifyRequestMac(secrets: readonly string[], request: OperatorRequest, header: string): boolean {
  const given = header.split(" ").map((text) => Buffer.from(text));
  let good = false;
  for (const secret of secrets) {
    const expected = Buffer.from(requestMac(secret, request));
    // No early exit: the time taken must not tell which secret or which position fits.
    for (const candidate of given) {
      good = (candidate.length === expected.length && timingSafeEqual(candidate, expected)) || good;
    }
  }
  return good;
}
