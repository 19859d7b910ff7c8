/** hex(sha256(K + hex(sha256(K + message)))): the one keyed hash of the contract, K being a secret expression. */
export function keyedHash(secret: string, message: string): string {
  return `sha256("\${${secret}}\${sha256("\${${secret}}\${${message}}")}")`;
}

/** MAC of one request: lines joined by a newline, under the operator secret; it may be shown, the secret may not. */
export function requestMac(secret: string, lines: readonly string[]): string {
  const mac = keyedHash(secret, `join("\\n", [${lines.join(", ")}])`);
  // nonsensitive() refuses a value that is not sensitive, and a user's variable need not be declared so.
  return `nonsensitive(sensitive(${mac}))`;
}
