import type { Finding } from "../errors";
import type { NexusVmPullProps } from "../props";
import { OVERRULABLE } from "./overrulable";

/** Findings parted by what the VM overrules. */
export function overrule(
  props: NexusVmPullProps,
  findings: readonly Finding[],
): { readonly findings: Finding[]; readonly overruled: Finding[] } {
  const codes = new Set<string>(OVERRULABLE.filter((code) => props.overrule?.includes(code)));
  const isOverruled = ({ code }: Finding) => codes.has(code);
  return {
    findings: findings.filter((finding) => !isOverruled(finding)),
    overruled: findings.filter(isOverruled).map((finding) => ({ ...finding, remedy: "overruled by `overrule`" })),
  };
}
