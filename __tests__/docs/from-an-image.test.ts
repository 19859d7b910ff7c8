import { Testing } from "cdktf";
import { GRANTS } from "../construct-on-pve/least-privilege";
import { blockOf, pageOf, runProgram } from "./example";

const PAGE = pageOf("docs/from-an-image.md");

test("the example makes one download, one ISO and a VM that is no clone", () => {
  Testing.app();
  const program = blockOf(PAGE, "ts", "Image.url")
    .replace('sha512: "..."', `sha512: "${"a".repeat(128)}"`)
    .replace("AAAA...", "AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b");
  const { resource } = runProgram(program);
  expect(Object.fromEntries(Object.entries(resource).map(([type, all]) => [type, Object.keys(all).length]))).toEqual({
    proxmox_download_file: 1,
    proxmox_virtual_environment_file: 1,
    proxmox_virtual_environment_vm: 1,
  });
});

test("the roles have exactly the privileges with which the conformance suite applies", () => {
  const commands = blockOf(PAGE, "sh", "pveum role add");
  const roles = new Map(
    [...commands.matchAll(/role add (\w+) --privs "([^"]+)"/g)].map(([, role, list]) => [role, list]),
  );
  const granted = [...commands.matchAll(/acl modify (\S+) \$who --roles (\w+)/g)].map(
    ([, path = "", role = ""]) => [path, roles.get(role)?.split(" ").sort()] as const,
  );
  const wanted = Object.entries(GRANTS).map(([path, privileges]) => [path, [...privileges].sort()] as const);
  expect(Object.fromEntries(granted)).toEqual(Object.fromEntries(wanted));
});
