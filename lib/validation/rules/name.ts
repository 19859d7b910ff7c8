import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { matches, required } from "../values";

const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const FLEET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The name is hostname, Proxmox name, file name and identity at once; the fleet is half of the identity. */
export const nameRule: Rule<CheckedProps> = ({ name, fleet }) => [
  ...required("name", name, DNS_LABEL, "vm_name_invalid"),
  ...matches("fleet", fleet, FLEET, "fleet_invalid"),
];
