import { Token } from "cdktf";
import type { Finding } from "../errors";
import type { NexusVmPullProps } from "../props";
import { CLOUD_CONFIG_KEYS } from "./cloud-config-keys";
import { nearest } from "./nearest";
import { known } from "./values";

const SECRET_KEY = /pass(?:word|wd|phrase)|secret|token|private_?key|api_?key/i;

/** What in a cloud-config works otherwise than it looks, and literals that look like secrets. */
export function cloudConfigWarnings({ cloudConfig, users, extraVars }: NexusVmPullProps): Finding[] {
  return [
    ...unknownKeys(cloudConfig),
    ...suspects("cloudConfig", cloudConfig),
    ...suspects("users", users),
    ...suspects("extraVars", extraVars),
  ];
}

function unknownKeys(cloudConfig: NexusVmPullProps["cloudConfig"]): Finding[] {
  if (!known(cloudConfig) || typeof cloudConfig !== "object") return [];
  return Object.keys(cloudConfig).flatMap((key): Finding[] => {
    const prop = `cloudConfig.${key}`;
    if (key === "ansible") return [{ code: "cloud_config_ansible", prop, got: "a second one that pulls" }];
    if (CLOUD_CONFIG_KEYS.includes(key)) return [];
    const meant = nearest(key, CLOUD_CONFIG_KEYS);
    const expected = meant === undefined ? undefined : `a key of cloud-init's own schema, such as ${meant}`;
    return [{ code: "cloud_config_unknown", prop, got: "a key that cloud-init does not know", expected }];
  });
}

/** Literals below keys that speak of secrets; the value itself must not appear in the message. A cycle is another rule's. */
function suspects(prop: string, value: unknown, above: readonly unknown[] = []): Finding[] {
  if (value === null || typeof value !== "object" || Token.isUnresolved(value) || above.includes(value)) return [];
  return Object.entries(value).flatMap(([key, member]): Finding[] => {
    const path = Array.isArray(value) ? `${prop}[${key}]` : `${prop}.${key}`;
    const suspected = typeof member === "string" && SECRET_KEY.test(key) && isLiteral(member);
    if (suspected) return [{ code: "secret_literal_suspected", prop: path, got: "a literal" }];
    return suspects(path, member, [...above, value]);
  });
}

function isLiteral(text: string): boolean {
  return text !== "" && !Token.isUnresolved(text) && !text.includes("{{");
}
