import type { Finding } from "../errors";

/** Proxmox refuses a snippet above this many bytes. */
export const SNIPPET_LIMIT_BYTES = 1024 * 1024;
/** What a document of one's own should stay within, besides the agent. */
export const WARN_BYTES = 16 * 1024;

/** The size of a document as data. Values that only OpenTofu knows count as their references. */
export function documentBytes(document: unknown): number {
  return Buffer.byteLength(JSON.stringify(document) ?? "", "utf8");
}

/** Checks the size of a user-data document, whose agent is counted apart. */
export function checkSize(document: unknown, agentBytes: number): { error?: Finding; warning?: Finding } {
  const own = documentBytes(document);
  const prop = "cloudConfig";
  if (own + agentBytes > SNIPPET_LIMIT_BYTES) {
    return { error: { code: "seed_too_large", prop, got: `${own + agentBytes} bytes` } };
  }
  return own > WARN_BYTES ? { warning: { code: "seed_large", prop, got: `${own} bytes besides the agent` } } : {};
}
