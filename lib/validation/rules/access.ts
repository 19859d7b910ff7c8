import type { Finding } from "../../errors";
import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { duplicates, items, known, matches, text } from "../values";

const SSH_KEY =
  /^(?:[a-z-]+(?:="[^"]*")?(?:,[a-z-]+(?:="[^"]*")?)* )?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}(?: [^\r\n]*)?$/;
const USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const SHOWN = 24;

/** Who may log in. */
export const accessRule: Rule<CheckedProps> = ({ sshAuthorizedKeys, users }) => [
  ...keys("sshAuthorizedKeys", sshAuthorizedKeys),
  ...items("users", users).flatMap(([prop, user]) => [
    ...matches(`${prop}.name`, user.name ?? "", USER, "user_invalid"),
    ...text(`${prop}.shell`, user.shell, /^\/\S+$/, "an absolute path without blanks"),
    ...items(`${prop}.groups`, user.groups).flatMap(([where, group]) => matches(where, group, USER, "user_invalid")),
    ...text(`${prop}.sudo`, user.sudo, /^[^\r\n]+$/, "one line of a sudoers rule"),
    ...keys(`${prop}.sshAuthorizedKeys`, user.sshAuthorizedKeys),
  ]),
  ...duplicates(
    items("users", users).flatMap(([prop, user]): [string, string][] =>
      known(user.name) ? [[`${prop}.name`, user.name]] : [],
    ),
    "user_invalid",
  ),
];

function keys(prop: string, list: string[] | undefined): Finding[] {
  return items(prop, list).flatMap(([where, key]) => {
    if (!known(key) || (typeof key === "string" && SSH_KEY.test(key.trimEnd()))) return [];
    // What is pasted here by mistake may be a private key: show its beginning only.
    return [{ code: "ssh_key_invalid" as const, prop: where, got: show(String(key).slice(0, SHOWN)) }];
  });
}
