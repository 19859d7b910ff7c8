import { GIT_ADDRESS } from "../../ansible-pull/git-address";
import type { Finding } from "../../errors";
import { show } from "../../errors";
import type { Git } from "../../ansible-pull/git";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { items, known, matches, text } from "../values";

const REF = /^(?![-/.])(?!.*(?:\.\.|\/\/|@\{|\.lock$))[^\s~^:?*[\\\x00-\x1f\x7f]{1,255}(?<![/.])$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const RELATIVE_PATH = /^(?![-/])(?!(?:.*\/)?\.\.(?:\/|$))[^\x00-\x1f\x7f\\]{1,512}$/;

/** Where the Ansible repository is and what of it is run. */
export const gitRule: Rule<CheckedProps> = ({ source, playbooks, inventory }) => {
  if (source === undefined) return [{ code: "git_url_invalid", prop: "source", got: "nothing" }];
  const { kind, url, ref, commit, requirements, knownHosts, username } = source.source;
  return [
    ...address(url, new RegExp(GIT_ADDRESS[kind])),
    ...unauthenticated(source),
    ...matches("source.ref", ref, REF, "git_ref_invalid"),
    ...matches("source.commit", commit, COMMIT, "git_commit_invalid"),
    ...matches(
      "source.username",
      username,
      /^[^\s:]{1,128}$/,
      "string_invalid",
      "1 to 128 characters without blanks and ':'",
    ),
    ...matches("source.requirements", requirements, RELATIVE_PATH, "playbook_invalid"),
    ...hosts(kind, knownHosts),
    ...signers(source.source.signature?.verify),
    ...plainPath("inventory", inventory),
    ...(playbooks?.length === 0
      ? [{ code: "playbook_invalid" as const, prop: "playbooks", got: "[]", expected: "at least one playbook" }]
      : []),
    ...items("playbooks", playbooks).flatMap(([prop, path]) => plainPath(prop, path)),
  ];
};

// ansible-pull pastes these names unquoted into the command that it splits again.
const PLAIN = /^[A-Za-z0-9._/@+=:-]+$/;

function plainPath(prop: string, path: string | undefined): Finding[] {
  const findings = matches(prop, path, RELATIVE_PATH, "playbook_invalid");
  return findings.length > 0 ? findings : matches(prop, path, PLAIN, "playbook_invalid");
}

function address(url: string, pattern: RegExp): Finding[] {
  if (!known(url) || pattern.test(url)) return [];
  // An address with credentials in it must not be repeated in a message.
  return [{ code: "git_url_invalid", prop: "source.url", got: show(url.replace(/\/\/[^/]*@/, "//***@")) }];
}

/** Whether plain http would be taken although nothing else says who made what is run. */
export function isAuthenticated({ source }: Git): boolean {
  const signed = source.signature !== undefined && source.signature.verify.policy !== "none";
  return source.kind === "ssh" || signed || source.insecureHttp === true;
}

function unauthenticated(source: Git): Finding[] {
  const { url } = source.source;
  if (!known(url) || !/^http:/i.test(url) || isAuthenticated(source)) return [];
  return [{ code: "git_url_insecure", prop: "source.url", got: "plain http without a signature" }];
}

function hosts(kind: string, lines: string[]): Finding[] {
  if (kind !== "ssh") return [];
  const prop = "source.knownHosts";
  if (lines.length === 0)
    return [{ code: "string_invalid", prop, got: "[]", expected: "at least one line of known_hosts" }];
  return items(prop, lines).flatMap(([where, line]) =>
    text(where, line, /^[^\r\n]{1,4096}$/, "one line of known_hosts"),
  );
}

function signers(verify: { policy: string; allowed_signers?: string; keyring?: string } | undefined): Finding[] {
  if (verify?.policy === "ssh")
    return text("source.signature", verify.allowed_signers?.trim() ?? "", /\S/, "lines of an allowed_signers file");
  if (verify?.policy === "gpg") {
    return text(
      "source.signature",
      verify.keyring ?? "",
      /^-----BEGIN PGP PUBLIC KEY BLOCK-----/,
      "an armored public key",
    );
  }
  return [];
}
