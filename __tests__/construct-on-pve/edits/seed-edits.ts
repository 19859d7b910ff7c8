// An edit for each prop that travels in the seed.
import {
  type CloudConfig,
  Git,
  type GitHttpsOptions,
  type GitSshOptions,
  Schedule,
  Signature,
  Vault,
  type VaultAppRoleOptions,
} from "../../../lib";
import { PEM, SSH_KEY } from "../../support/matrix";
import { between, type Edit, type EditContext, type Props, RICH, same, to } from "./edit";

const HOSTS = ["git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b"];
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const user = (change: Partial<NonNullable<Props["users"]>[number]>): Edit =>
  to({ users: [{ ...(RICH.users?.[0] ?? { name: "" }), ...change }] });
const https = (change: (context: EditContext) => GitHttpsOptions, url = "https://git.example/a.git"): Edit => ({
  before: () => ({ source: Git.https("https://git.example/a.git") }),
  after: (context) => ({ source: Git.https(url, change(context)) }),
});
const ssh = (change: (context: EditContext) => Partial<GitSshOptions>): Edit => ({
  before: () => ({ source: Git.ssh("git@git.example:a.git", { knownHosts: HOSTS }) }),
  after: (context) => ({ source: Git.ssh("git@git.example:a.git", { knownHosts: HOSTS, ...change(context) }) }),
});
const approle = (context: EditContext, change: Partial<VaultAppRoleOptions> = {}): Props => ({
  vault: Vault.appRole({
    address: "https://vault.example:8200",
    roleId: "role",
    wrappedSecretId: context.secret("wrapped"),
    gitToken: { path: "secret/data/git", field: "token" },
    ...change,
  }),
});
const vault = (
  change: Partial<VaultAppRoleOptions> | ((context: EditContext) => Partial<VaultAppRoleOptions>),
): Edit => ({
  before: (context) => approle(context),
  after: (context) => approle(context, typeof change === "function" ? change(context) : change),
});
const field = { path: "secret/data/other", field: "value" };
const vaultField = (name: "gitToken" | "deployKey" | "vaultPassword" | "extraVars", after: typeof field): Edit => ({
  before: (context) => approle(context, { [name]: { path: "secret/data/value", field: "value" } }),
  after: (context) => approle(context, { [name]: after }),
});
const ours = (cloudConfig: CloudConfig): Edit => to({ cloudConfig });
const file = (change: object): Edit =>
  between(
    { cloudConfig: { write_files: [{ path: "/srv/a", content: "YQ==", encoding: "b64" }] } },
    { cloudConfig: { write_files: [{ path: "/srv/a", content: "YQ==", encoding: "b64", ...change }] } },
  );

const CLOUD_CONFIG: Record<string, Edit> = {
  cloudConfig: ours({ timezone: "Europe/Berlin" }),
  "cloudConfig.packages": ours({ packages: ["jq"] }),
  "cloudConfig.package_update": ours({ package_update: true }),
  "cloudConfig.package_upgrade": ours({ package_upgrade: true }),
  "cloudConfig.write_files": ours({ write_files: [{ path: "/srv/a", content: "a" }] }),
  "cloudConfig.write_files[].path": file({ path: "/srv/b" }),
  "cloudConfig.write_files[].content": file({ content: "Yg==" }),
  "cloudConfig.write_files[].encoding": file({ encoding: "text/plain" }),
  "cloudConfig.write_files[].permissions": file({ permissions: "0600" }),
  "cloudConfig.write_files[].owner": file({ owner: "ops:ops" }),
  "cloudConfig.write_files[].append": file({ append: true }),
  "cloudConfig.write_files[].defer": file({ defer: true }),
  "cloudConfig.runcmd": ours({ runcmd: ["true"] }),
  "cloudConfig.bootcmd": ours({ bootcmd: ["true"] }),
  "cloudConfig.mounts": ours({ mounts: [["/dev/vdb", "/srv"]] }),
  "cloudConfig.ca_certs": ours({ ca_certs: { remove_defaults: false } }),
  "cloudConfig.ca_certs.trusted": ours({ ca_certs: { trusted: [PEM] } }),
  "cloudConfig.ca_certs.remove_defaults": between(
    { cloudConfig: { ca_certs: { trusted: [PEM] } } },
    { cloudConfig: { ca_certs: { trusted: [PEM], remove_defaults: true } } },
  ),
  "cloudConfig.apt": ours({ apt: { proxy: "http://proxy.example:3128" } }),
};

const signed = (before: Signature, after: Signature): Edit =>
  between(
    { source: Git.https("https://git.example/a.git", { signature: before }) },
    { source: Git.https("https://git.example/a.git", { signature: after }) },
  );
const KEYRING = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZtest\n-----END PGP PUBLIC KEY BLOCK-----\n";

const SIGNATURE: Record<string, Edit> = {
  "source.signature": signed(Signature.none(), Signature.sshAllowedSigners([`ops ${SSH_KEY}`])),
  "source.signature.allowedSigners": signed(
    Signature.sshAllowedSigners([`ops ${SSH_KEY}`]),
    Signature.sshAllowedSigners([`dev ${SSH_KEY}`]),
  ),
  "source.signature.object": signed(
    Signature.sshAllowedSigners([`ops ${SSH_KEY}`]),
    Signature.sshAllowedSigners([`ops ${SSH_KEY}`], "tag"),
  ),
  "source.signature.keyring": signed(Signature.gpgKeyring(KEYRING), Signature.gpgKeyring(`${KEYRING}\n`)),
};

const CONTENT: Record<string, Edit> = {
  sshAuthorizedKeys: to({ sshAuthorizedKeys: [SSH_KEY] }),
  users: to({ users: [] }),
  "users[].name": user({ name: "other" }),
  "users[].sshAuthorizedKeys": user({ sshAuthorizedKeys: [] }),
  "users[].groups": user({ groups: [] }),
  "users[].sudo": user({ sudo: undefined }),
  "users[].shell": user({ shell: "/bin/bash" }),
  playbooks: to({ playbooks: ["site.yml"] }),
  inventory: to({ inventory: "hosts.ini" }),
  extraVars: to({ extraVars: { a: 1 } }),
  vaultPassword: { before: same, after: ({ secret }) => ({ vaultPassword: secret("password") }) },
  ansibleTags: to({ ansibleTags: ["a"] }),
  ansibleSkipTags: to({ ansibleSkipTags: ["a"] }),
  mode: to({ mode: "audit" }),
  runTimeout: to({ runTimeout: "2h" }),
  bootstrapTimeout: to({ bootstrapTimeout: "1h" }),
  ansibleCore: to({ ansibleCore: { minimum: "2.16" } }),
  "ansibleCore.minimum": between({ ansibleCore: { minimum: "2.16" } }, { ansibleCore: { minimum: "2.17" } }),
  "ansibleCore.pip": between({ ansibleCore: { pip: "2.18.6" } }, { ansibleCore: { pip: "2.18.7" } }),
  schedule: to({ schedule: Schedule.every("15m", { jitter: "1m" }) }),
  "schedule.interval": between({ schedule: Schedule.every("20m") }, { schedule: Schedule.every("10m") }),
  "schedule.jitter": between(
    { schedule: Schedule.every("20m", { jitter: "1m" }) },
    { schedule: Schedule.every("20m", { jitter: "2m" }) },
  ),
  "schedule.reapply": between(
    { schedule: Schedule.every("20m") },
    { schedule: Schedule.every("20m", { reapply: "always" }) },
  ),
  source: ssh(() => ({ ref: "other" })),
  "source.url": https(() => ({}), "https://git.example/b.git"),
  "source.ref": https(() => ({ ref: "other" })),
  "source.commit": https(() => ({ commit: COMMIT })),
  "source.requirements": https(() => ({ requirements: "requirements.yml" })),
  "source.token": https(({ secret }) => ({ token: secret("token") })),
  "source.username": {
    before: ({ secret }) => ({ source: Git.https("https://git.example/a.git", { token: secret("token") }) }),
    after: ({ secret }) => ({
      source: Git.https("https://git.example/a.git", { token: secret("token"), username: "oauth2" }),
    }),
  },
  "source.caCertificate": https(() => ({ caCertificate: PEM })),
  "source.insecureHttp": https(() => ({ insecureHttp: true })),
  "source.deployKey": ssh(({ secret }) => ({ deployKey: secret("key") })),
  "source.knownHosts": ssh(() => ({ knownHosts: [...HOSTS, "other.example ssh-ed25519 AAAA"] })),
  vault: { before: same, after: (context) => approle(context) },
  "vault.address": vault({ address: "https://bao.example" }),
  "vault.roleId": vault({ roleId: "other" }),
  "vault.wrappedSecretId": vault(({ secret }) => ({ wrappedSecretId: secret("wrapped_again") })),
  "vault.mount": vault({ mount: "other" }),
  "vault.namespace": vault({ namespace: "ops" }),
  "vault.caCertificate": vault({ caCertificate: PEM }),
  "vault.gitToken": vault({ gitToken: field }),
  "vault.deployKey": vault({ deployKey: field }),
  "vault.vaultPassword": vault({ vaultPassword: field }),
  "vault.extraVars": vault({ extraVars: field }),
  "vault.gitToken.path": vaultField("gitToken", { path: "secret/data/other", field: "value" }),
  "vault.gitToken.field": vaultField("gitToken", { path: "secret/data/value", field: "other" }),
  "vault.deployKey.path": vaultField("deployKey", { path: "secret/data/other", field: "value" }),
  "vault.deployKey.field": vaultField("deployKey", { path: "secret/data/value", field: "other" }),
  "vault.vaultPassword.path": vaultField("vaultPassword", { path: "secret/data/other", field: "value" }),
  "vault.vaultPassword.field": vaultField("vaultPassword", { path: "secret/data/value", field: "other" }),
  "vault.extraVars.path": vaultField("extraVars", { path: "secret/data/other", field: "value" }),
  "vault.extraVars.field": vaultField("extraVars", { path: "secret/data/value", field: "other" }),
};

/** By the props' paths. */
export const SEED_EDITS: Readonly<Record<string, Edit>> = { ...CLOUD_CONFIG, ...SIGNATURE, ...CONTENT };
