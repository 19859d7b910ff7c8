// A self-signed certificate for loopback, made at start by the openssl program and kept in memory only.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** @throws Error - openssl is not there, or fails */
export function selfSigned(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "lab-pve-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/O=PVE stand-in/CN=pve.lab", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
    const run = spawnSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(`openssl cannot make a certificate: ${run.error?.message ?? run.stderr}`);
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
