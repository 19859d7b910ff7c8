// A Proxmox VE cluster that is none: HTTPS API and SSH, state in memory.
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { Tickets } from "./world/auth";
import { selfSigned } from "./api/certificate";
import { systemClock, type Clock } from "./world/clock";
import { addTemplate, emptyCluster, type Cluster } from "./world/cluster";
import { serveControl } from "./control";
import { Faults } from "./world/faults";
import * as f from "./api/formats";
import { isApi, serveApi } from "./api/http-server";
import { VmLocks } from "./world/locks";
import { RequestLog } from "./api/request-log";
import { Router } from "./api/router";
import { CLUSTER_ROUTES, takeStats } from "./routes/cluster";
import { DOWNLOAD_ROUTES } from "./routes/downloads";
import { STORAGE_ROUTES } from "./routes/storage";
import { VM_ROUTES } from "./routes/vm";
import { newKeyPair, startSsh, type SshServer } from "./ssh/server";
import { Tasks } from "./world/tasks";
import { realWeb, type Web } from "./world/web";
import { FAST_TIMES, type Times, type World } from "./world/world";

/** How the stand-in is set up. */
export interface PveOptions {
  /** @default - a free port */
  readonly port?: number;
  /** @default - a free port */
  readonly sshPort?: number;
  /** @default FAST_TIMES */
  readonly times?: Times;
  /** @default - the machine's */
  readonly clock?: Clock;
  /** How a node reaches the web. @default - really */
  readonly web?: Web;
  /** Changes the cluster before anybody sees it. @default - two nodes, template 9000 on pve and 9100 on pve2 */
  readonly prepare?: (cluster: Cluster) => void;
}

/** What a client needs to log in. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly apiToken: string;
  readonly sshUsername: string;
  readonly sshPrivateKey: string;
}

/** A running stand-in. */
export interface Pve {
  readonly endpoint: string;
  readonly port: number;
  /** SSH of each node. */
  readonly ssh: ReadonlyMap<string, { readonly port: number }>;
  readonly credentials: Credentials;
  readonly world: World;
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly router: Router;
  /** Commands that came over SSH. */
  readonly sshCommands: readonly string[];
  stop(): Promise<void>;
}

/** The whole API. */
export function allRoutes(): Router {
  return new Router([...CLUSTER_ROUTES, ...STORAGE_ROUTES, ...DOWNLOAD_ROUTES, ...VM_ROUTES], {
    node: f.nodeName,
    vmid: f.vmid,
    storage: f.storageId,
    volume: f.text,
    upid: f.text,
    sid: f.text,
  });
}

function defaultCluster(cluster: Cluster, clock: Clock): void {
  const ctime = Math.floor(clock.now() / 1000);
  addTemplate(cluster, { vmid: 9000, node: "pve", name: "ubuntu-golden", storage: "local-lvm", sizeGib: 8, ctime });
  addTemplate(cluster, { vmid: 9100, node: "pve2", name: "ubuntu-golden2", storage: "local-lvm", sizeGib: 8, ctime });
}

/** A world with nothing in it that listens. */
export function createWorld(
  cluster: Cluster,
  clock: Clock = systemClock,
  times: Times = FAST_TIMES,
  web: Web = realWeb,
): World {
  const faults = new Faults();
  const tasks = new Tasks(clock, faults, times.tasks);
  return { cluster, clock, times, faults, tasks, web, locks: new VmLocks(clock), tickets: new Tickets(clock) };
}

/** pvestatd: writes down the VMs' figures from time to time. */
function startStats(world: World): () => void {
  const { stats } = world.times;
  if (stats === 0) return () => undefined;
  let cancel = (): void => undefined;
  const tick = (): void => {
    const now = world.clock.now();
    for (const vm of world.cluster.vms.values()) vm.stats = takeStats(vm, now);
    cancel = world.clock.after(stats, tick);
  };
  tick();
  return () => cancel();
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function startAllSsh(world: World, options: PveOptions, password: string, key: string, commands: string[]) {
  const hostKey = newKeyPair().private;
  const root = { name: "root", password, keys: [key], sudo: false };
  const plain = { name: "terraform", password, keys: [key], sudo: true };
  const started = new Map<string, SshServer>();
  for (const [index, node] of [...world.cluster.nodes.keys()].entries()) {
    const port = options.sshPort === undefined ? undefined : options.sshPort + index;
    const note = (command: string): void => void commands.push(`${node}: ${command}`);
    started.set(node, await startSsh(world, { node, users: [root, plain], hostKey, port, note }));
  }
  return started;
}

/** Starts the stand-in on loopback. */
export async function startPve(options: PveOptions = {}): Promise<Pve> {
  const [password, secret] = [randomUUID(), randomUUID()];
  const cluster = emptyCluster(password, secret);
  const world = createWorld(cluster, options.clock, options.times, options.web);
  if (options.prepare === undefined) defaultCluster(cluster, world.clock);
  else options.prepare(cluster);
  const [router, log, key] = [allRoutes(), new RequestLog(), newKeyPair()];
  const server = createServer({ ...selfSigned(), minVersion: "TLSv1.3" }, (request, response) => {
    const serve = isApi(request)
      ? serveApi({ world, router, log, request, response })
      : serveControl({ world, log }, request, response);
    serve.catch(() => response.destroy());
  });
  const port = await listen(server, options.port ?? 0);
  const sshCommands: string[] = [];
  const ssh = await startAllSsh(world, options, password, key.public, sshCommands);
  const stopStats = startStats(world);
  const stop = async (): Promise<void> => {
    stopStats();
    await Promise.all([...ssh.values()].map((one) => one.stop()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const credentials = {
    username: "root@pam",
    password,
    apiToken: `root@pam!lab=${secret}`,
    sshUsername: "root",
    sshPrivateKey: key.private,
  };
  const endpoint = `https://127.0.0.1:${port}`;
  return { endpoint, port, ssh, credentials, world, cluster, faults: world.faults, log, router, sshCommands, stop };
}
