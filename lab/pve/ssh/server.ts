// The SSH side of a node: the two commands that the provider runs, and SFTP to look at what they wrote.
import { timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { Server, utils, type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { serveSftp } from "./sftp";
import { writeSnippet } from "../world/snippets";
import type { World } from "../world/world";

/** Who may log in, and how. */
export interface SshUser {
  readonly name: string;
  readonly password?: string;
  /** OpenSSH public keys. */
  readonly keys: readonly string[];
  /** Not asked of root. */
  readonly sudo: boolean;
}

/** A running SSH server of one node. */
export interface SshServer {
  readonly port: number;
  stop(): Promise<void>;
}

interface Session {
  readonly world: World;
  readonly node: string;
  readonly user: SshUser;
  readonly note: (command: string) => void;
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function keyFits(user: SshUser, context: AuthContext): boolean {
  if (context.method !== "publickey") return false;
  return user.keys.some((text) => {
    const key = utils.parseKey(text);
    if (key instanceof Error || !sameBytes(key.getPublicSSH(), context.key.data)) return false;
    const { signature, blob, hashAlgo } = context;
    return signature === undefined || blob === undefined || key.verify(blob, signature, hashAlgo) === true;
  });
}

function passwordFits(user: SshUser, context: AuthContext): boolean {
  if (context.method !== "password" || user.password === undefined) return false;
  return sameBytes(Buffer.from(user.password), Buffer.from(context.password));
}

function hasSudo({ world, node, user }: Session): boolean {
  return user.name !== "root" && user.sudo && world.faults.take(["no-sudo"], `${node}:${user.name}`) === undefined;
}

interface Result {
  readonly output: string;
  readonly status: number;
}

/** The script inside `/bin/bash -c '...'`, with its quotes taken back. */
function scriptOf(command: string): string {
  const inner = /^\/bin\/bash -c '([\s\S]*)'$/.exec(command)?.[1];
  return (inner ?? command).replaceAll(`'"'"'`, "'");
}

function tee(session: Session, script: string, path: string, input: Buffer): Result {
  const { world, node, user } = session;
  const asRoot = user.name === "root" || script.includes("TRY_SUDO_USE_SUDO=1");
  if (!asRoot) return { output: `/usr/bin/tee: ${path}: Permission denied\n`, status: 1 };
  const problem = writeSnippet(world.cluster, node, path, input, Math.floor(world.clock.now() / 1000));
  if (problem !== undefined) return { output: `/usr/bin/tee: ${path}: ${problem}\n`, status: 1 };
  return { output: input.toString("utf8"), status: 0 };
}

/** What the provider's two commands do; everything else is not there. */
function run(session: Session, command: string, input: Buffer): Result {
  const script = scriptOf(command);
  session.note(script);
  if (script.includes("pvesm apiinfo")) return { output: hasSudo(session) ? "1\n" : "0\n", status: 0 };
  const path = /try_sudo \/usr\/bin\/tee (\S+)$/.exec(script)?.[1];
  if (path !== undefined) return tee(session, script, path, input);
  return { output: `bash: line 1: ${script.split(/\s/)[0]}: command not found\n`, status: 127 };
}

function execute(session: Session, command: string, channel: ServerChannel): void {
  const chunks: Buffer[] = [];
  const finish = (): void => {
    const { output, status } = run(session, command, Buffer.concat(chunks));
    channel.write(output);
    channel.exit(status);
    channel.end();
  };
  // Only tee reads its input; the other command ends while the client's side stays open.
  if (!command.includes("/usr/bin/tee")) return finish();
  channel.on("data", (chunk: Buffer) => chunks.push(chunk));
  channel.on("end", finish);
}

function serve(connection: Connection, session: Session): void {
  connection.on("session", (accept) => {
    const opened = accept();
    opened.on("exec", (acceptExec, _reject, info) => execute(session, info.command, acceptExec()));
    opened.on("sftp", (acceptSftp) => serveSftp(acceptSftp(), session.world, session.node));
  });
}

/** How a node's SSH server is set up. */
export interface SshOptions {
  readonly node: string;
  readonly users: readonly SshUser[];
  readonly hostKey: string;
  /** @default - a free one */
  readonly port?: number;
  /** Told each command. */
  readonly note?: (command: string) => void;
}

/** Starts the SSH server of one node on loopback. */
export async function startSsh(world: World, options: SshOptions): Promise<SshServer> {
  const open = new Set<Connection>();
  const server = new Server({ hostKeys: [options.hostKey] }, (connection) => {
    open.add(connection);
    connection.on("close", () => open.delete(connection)).on("error", () => undefined);
    if (world.faults.take(["ssh-refused"], options.node) !== undefined) {
      connection.end();
      return;
    }
    let user: SshUser | undefined;
    connection.on("authentication", (context) => {
      user = options.users.find(({ name }) => name === context.username);
      if (user !== undefined && (keyFits(user, context) || passwordFits(user, context))) context.accept();
      else context.reject(["publickey", "password"]);
    });
    connection.on("ready", () => {
      if (user !== undefined)
        serve(connection, { world, node: options.node, user, note: options.note ?? (() => undefined) });
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const stop = async (): Promise<void> => {
    for (const connection of open) connection.end();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

/** A key pair in OpenSSH's form. */
export function newKeyPair(): { readonly private: string; readonly public: string } {
  // ssh2 writes about one Ed25519 key in four hundred in a form that it cannot read itself.
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519");
    if (!(utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}
