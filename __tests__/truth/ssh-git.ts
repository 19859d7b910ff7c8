// Git over SSH on loopback: one deploy key, and of all commands git-upload-pack only.
import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { Server, utils, type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { newKeyPair } from "../../lab/pve/ssh/server";

export interface SshGit {
  readonly port: number;
  /** The server's public key, as known_hosts has it. */
  readonly hostKey: string;
  /** The one private key that is let in. */
  readonly deployKey: string;
  stop(): Promise<void>;
}

const UPLOAD = /^git-upload-pack '([^']+)'$/;

function serve(channel: ServerChannel, command: string): void {
  const folder = UPLOAD.exec(command)?.[1];
  if (folder === undefined) {
    channel.stderr.write("only git-upload-pack\n");
    channel.exit(128);
    channel.end();
    return;
  }
  const git = spawn("git", ["upload-pack", folder], { stdio: ["pipe", "pipe", "pipe"] });
  channel.pipe(git.stdin);
  git.stdout.pipe(channel, { end: false });
  git.stderr.pipe(channel.stderr, { end: false });
  git.stdin.on("error", () => undefined);
  git.on("close", (code) => {
    channel.exit(code ?? 1);
    channel.end();
  });
}

export async function startSshGit(): Promise<SshGit> {
  const host = newKeyPair();
  const deploy = newKeyPair();
  const accepted = utils.parseKey(deploy.public);
  if (accepted instanceof Error) throw accepted;
  const fits = (context: AuthContext): boolean =>
    context.method === "publickey" &&
    context.key.data.equals(accepted.getPublicSSH()) &&
    (context.signature === undefined ||
      accepted.verify(context.blob ?? "", context.signature, context.hashAlgo) === true);
  const open = new Set<Connection>();
  const server = new Server({ hostKeys: [host.private] }, (connection) => {
    open.add(connection);
    connection.on("close", () => open.delete(connection)).on("error", () => undefined);
    connection.on("authentication", (context) => (fits(context) ? context.accept() : context.reject(["publickey"])));
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => serve(acceptExec(), command));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: host.public.split(" ").slice(0, 2).join(" "),
    deployKey: deploy.private,
    stop: async () => {
      for (const connection of open) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
