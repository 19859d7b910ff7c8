// The lab's own API, beside Proxmox's: state, request log, faults, seeds. Real Proxmox has nothing like it.
import type { IncomingMessage, ServerResponse } from "node:http";
import { volumesOn } from "./world/cluster";
import type { FaultPlan } from "./world/faults";
import { readBody } from "./api/request-body";
import type { RequestLog } from "./api/request-log";
import type { World } from "./world/world";

/** What the lab's API works on. */
export interface ControlContext {
  readonly world: World;
  readonly log: RequestLog;
}

type Handler = (context: ControlContext, argument: string, body: string) => unknown;

function state({ world }: ControlContext): unknown {
  const { cluster } = world;
  const vms = [...cluster.vms.values()].map((vm) => ({
    vmid: vm.vmid,
    node: vm.node,
    status: vm.running === undefined ? "stopped" : "running",
    config: Object.fromEntries(vm.config),
    pending: Object.fromEntries(vm.pending),
  }));
  const volumes = [...cluster.storages.values()].flatMap((store) =>
    [...cluster.nodes.keys()].flatMap((node) =>
      [...volumesOn(store, node).keys()].map((name) => ({ node, volid: `${store.id}:${name}` })),
    ),
  );
  return { vms, volumes };
}

const ROUTES: Readonly<Record<string, Handler>> = {
  "GET state": state,
  "GET requests": ({ log }) => log.all(),
  "DELETE requests": ({ log }) => log.clear(),
  "POST faults": ({ world }, _argument, body) => world.faults.add(JSON.parse(body) as FaultPlan),
  "DELETE faults": ({ world }) => world.faults.clear(),
  "GET seed": ({ world }, vmid) => world.cluster.vms.get(Number(vmid))?.seed,
  "PUT guest": ({ world }, vmid, body) =>
    Object.assign(world.cluster.vms.get(Number(vmid))?.guest ?? {}, JSON.parse(body)),
  "PUT storage": ({ world }, id, body) => Object.assign(world.cluster.storages.get(id) ?? {}, JSON.parse(body)),
};

/** Answers a request below /lab/. Only loopback reaches it, so nothing is asked for. */
export async function serveControl(
  context: ControlContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , what = "", argument = ""] = (request.url ?? "").split("/");
  const handler = ROUTES[`${request.method} ${what}`];
  let status = 200;
  let answer: unknown;
  try {
    const { text } = await readBody(request);
    answer = handler === undefined ? { error: "no such path" } : handler(context, decodeURIComponent(argument), text);
    if (handler === undefined) status = 404;
  } catch (error) {
    status = 400;
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer ?? null));
}
