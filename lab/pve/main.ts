// `npx tsx lab/pve --port N`: the stand-in as a program.
import { parseArgs } from "node:util";
import { startPve } from "./stand-in";
import { FAST_TIMES, REAL_TIMES } from "./world/world";

const USAGE = `usage: npx tsx lab/pve [--port N] [--ssh-port N] [--fast]

A stand-in for a Proxmox VE cluster on loopback. README.md beside this file says what it models and what not.
  --port N       of the HTTPS API (default: 8006)
  --ssh-port N   of the first node's SSH; the next nodes have the next ports (default: free ones)
  --fast         tasks and waits take milliseconds instead of seconds
It ends with SIGINT or SIGTERM; nothing is kept.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8006" },
      "ssh-port": { type: "string" },
      fast: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return;
  }
  const sshPort = values["ssh-port"] === undefined ? undefined : Number(values["ssh-port"]);
  const times = values.fast === true ? FAST_TIMES : REAL_TIMES;
  const pve = await startPve({ port: Number(values.port), sshPort, times });
  const { credentials, endpoint, ssh, cluster } = pve;
  const templates = [...cluster.vms.values()].map((vm) => `${vm.vmid} on ${vm.node}`).join(", ");
  process.stdout.write(
    [
      `endpoint   ${endpoint} (self-signed)`,
      `user       ${credentials.username} / ${credentials.password}`,
      `API token  ${credentials.apiToken}`,
      ...[...ssh].map(([node, { port }]) => `SSH ${node}   root@127.0.0.1:${port}, the same password`),
      `templates  ${templates}`,
      `the lab    ${endpoint}/lab/state, /lab/requests, /lab/seed/VMID`,
      "",
    ].join("\n"),
  );
  const end = (): void => void pve.stop().then(() => process.exit(0));
  process.once("SIGINT", end).once("SIGTERM", end);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
