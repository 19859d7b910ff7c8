import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { known, matches } from "../values";

const VOLUME = /^[A-Za-z0-9][A-Za-z0-9._-]*:snippets\/[^/\s]+$/;
const URL_OF_FOLDER = /^https?:\/\/[^\s/@;]+\/(?:[^\s;?#]*\/)?$/;

/** The seed can be found, and delivers what was asked for. */
export const seedRule: Rule<CheckedProps> = ({ seed, network, dns }) => {
  if (seed === undefined) return [];
  const { references, network: by } = seed.spec;
  const { volumes, url } = references;
  const undeliverable =
    by === "nobody" &&
    (dns !== undefined ||
      (known(network) && network.some((nic) => isStatic(nic.address) || nic.address6 !== undefined)));
  return [
    ...volumes.flatMap((volume) => matches("seed", volume, VOLUME, "seed_invalid")),
    ...matches("seed", url, URL_OF_FOLDER, "seed_invalid"),
    ...(undeliverable
      ? [{ code: "seed_network_undeliverable" as const, prop: "network", got: "addresses or dns beside Seed.url" }]
      : []),
  ];
};

function isStatic(address: string | undefined): boolean {
  return address !== undefined && address !== "dhcp";
}
