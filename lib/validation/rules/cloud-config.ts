import { posix } from "node:path";
import { show, type Finding } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { items, known, matches } from "../values";

// What this construct owns, and what sets it.
const OWNED: Record<string, string> = {
  hostname: "use `name`",
  fqdn: "use `dns.domain`",
  users: "use `users`",
  ssh_authorized_keys: "use `sshAuthorizedKeys`",
  network: "use `network`",
  datasource: "leave it to the image",
  datasource_list: "leave it to the image",
  system_info: "leave it to the image",
  cloud_init_modules: "leave the lists of modules to the image: the seed runs in one of them",
  cloud_config_modules: "leave the lists of modules to the image: the seed runs in one of them",
  cloud_final_modules: "leave the lists of modules to the image: the seed runs in one of them",
  merge_how: "this construct merges",
  merge_type: "this construct merges",
  power_state: "restart by Ansible: a VM that powers off cannot configure itself",
};
const OURS = [
  // What is dropped in there can take the module that runs the seed off the next boot's list.
  /^\/etc\/cloud(?:\/|$)/,
  /^\/etc\/nexus-pull(?:\/|$)/,
  /^\/var\/lib\/nexus-pull(?:\/|$)/,
  /^\/run\/nexus-pull(?:\/|$)/,
  /^\/usr\/local\/bin\/nexus-pull/,
  /^\/usr\/local\/lib\/nexus-pull(?:\/|$)/,
  /^\/etc\/systemd\/system\/nexus-pull/,
];
// A mount at or above one of these would hide what the agent keeps.
const KEPT = ["/etc/nexus-pull", "/var/lib/nexus-pull", "/run/nexus-pull", "/usr/local/bin", "/etc/systemd/system"];
const MAPS = ["apt", "ca_certs"];
const LISTS = ["packages", "write_files", "runcmd", "bootcmd", "mounts"];

/** The user's cloud-config cannot take anything of ours away. */
export const cloudConfigRule: Rule<CheckedProps> = ({ cloudConfig }) => {
  if (!known(cloudConfig)) return [];
  const owned = Object.keys(cloudConfig).flatMap((key): Finding[] => {
    const remedy = Object.hasOwn(OWNED, key) ? OWNED[key] : undefined;
    return remedy === undefined
      ? []
      : [{ code: "cloud_config_reserved", prop: `cloudConfig.${key}`, got: "a value", remedy }];
  });
  const lists = LISTS.filter((key) => known(cloudConfig[key]) && !Array.isArray(cloudConfig[key]));
  const notLists = lists.map((key) => ({
    code: "cloud_config_invalid" as const,
    prop: `cloudConfig.${key}`,
    got: show(cloudConfig[key]),
    expected: "a list",
  }));
  const notMaps = MAPS.filter((key) => known(cloudConfig[key]) && !isMap(cloudConfig[key])).map((key) => ({
    code: "cloud_config_invalid" as const,
    prop: `cloudConfig.${key}`,
    got: show(cloudConfig[key]),
    expected: "a mapping",
  }));
  const mounts = lists.includes("mounts") ? [] : mountFindings(cloudConfig.mounts);
  return [
    ...owned,
    ...notLists,
    ...notMaps,
    ...mounts,
    ...(lists.includes("write_files") ? [] : files(cloudConfig.write_files)),
  ];
};

function files(list: readonly { path: string; permissions?: unknown }[] | undefined): Finding[] {
  return items("cloudConfig.write_files", list).flatMap(([prop, file]) => {
    const path = `${prop}.path`;
    if (!known(file?.path))
      return file?.path === undefined ? [{ code: "cloud_config_invalid" as const, prop: path, got: "nothing" }] : [];
    // Doubled slashes and `..` lead to the same file.
    const normal = posix.normalize(String(file.path)).replace(/^\/+/, "/");
    const ours = OURS.some((pattern) => pattern.test(normal));
    return [
      ...matches(path, file.path, /^\//, "cloud_config_invalid"),
      ...(ours ? [{ code: "cloud_config_reserved_path" as const, prop: path, got: show(file.path) }] : []),
      ...matches(
        `${prop}.permissions`,
        file.permissions as string | undefined,
        /^0?[0-7]{3,4}$/,
        "cloud_config_invalid",
      ),
    ];
  });
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mountFindings(mounts: readonly (readonly string[])[] | undefined): Finding[] {
  return items("cloudConfig.mounts", mounts).flatMap(([prop, mount]) => {
    const point = Array.isArray(mount) ? (mount as unknown[])[1] : undefined;
    if (typeof point !== "string" || !known(point)) return [];
    const folder = posix.normalize(`${point}/`).replace(/^\/+/, "/");
    const hides = KEPT.some((kept) => `${kept}/`.startsWith(folder) || folder.startsWith(`${kept}/`));
    return hides ? [{ code: "cloud_config_reserved_path" as const, prop, got: show(point) }] : [];
  });
}
