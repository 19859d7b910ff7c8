import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { matches } from "../values";

const PEM = /^(?:-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*)+$/;

/** Certificates are PEM texts, not paths. */
export const certificatesRule: Rule<CheckedProps> = ({ source, vault }) => [
  ...matches("source.caCertificate", source?.source.caCertificate, PEM, "certificate_invalid"),
  ...matches("vault.caCertificate", vault?.options.caCertificate, PEM, "certificate_invalid"),
];
