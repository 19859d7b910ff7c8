/**
 * The forms of a Git address by the way in which it is used, as texts that OpenTofu's RE2 and ECMAScript read alike. Together
 * they are `gitUrl` of contract/agent-config.schema.json, but for file://, which no machine but the agent's own tests has.
 */
export const GIT_ADDRESS = {
  httpsOnly: "^https://[^\\s/@]+/[^\\s]+$",
  https: "^https?://[^\\s/@]+/[^\\s]+$",
  ssh: "^(?:ssh://(?:[^\\s/@:]+@)?[^\\s/@]+/[^\\s]+|[A-Za-z0-9._-]+@[^\\s/@:]+:[^\\s]+)$",
} as const;
