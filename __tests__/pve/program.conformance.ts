// The stand-in as a program: what it prints is what a client needs, the lab's own API works, and it ends when told to.
import { join } from "node:path";
import { start, until, type Running } from "../../lab/host/processes";
import { REPOSITORY } from "../../lab/host/tools";
import { send } from "../../lab/pve/api/client";

function run(...args: string[]): Running {
  const program = ["--import", "tsx", join("lab", "pve", "main.ts"), ...args];
  return start(process.execPath, program, { cwd: REPOSITORY, env: { PATH: process.env.PATH } });
}

describe("the stand-in as a program", () => {
  jest.setTimeout(120_000);
  let running: Running;
  let endpoint = "";
  let token = "";

  beforeAll(async () => {
    running = run("--port", "0", "--fast");
    await until(
      "it says what it offers",
      () => running.child.exitCode !== null || running.output().includes("the lab "),
    );
    endpoint = /endpoint +(https:\S+)/.exec(running.output())?.[1] ?? "";
    token = /API token +(\S+)/.exec(running.output())?.[1] ?? "";
  });

  afterAll(() => running?.child.kill("SIGKILL"));

  const api = (method: string, path: string, body = "") =>
    send(endpoint, { method, path: `/api2/json${path}`, body, headers: { authorization: `PVEAPIToken=${token}` } });
  const lab = async (method: string, path: string, body = "") =>
    JSON.parse((await send(endpoint, { method, path: `/lab${path}`, body })).answer) as unknown;

  it("prints the address, a user, a token, SSH and the templates", () => {
    expect(running.output()).toMatch(/user +root@pam \/ \S+\n/);
    expect(running.output()).toMatch(/SSH pve +root@127\.0\.0\.1:\d+/);
    expect(running.output()).toContain("templates  9000 on pve, 9100 on pve2");
  });

  it("answers as Proxmox does", async () => {
    expect(await api("GET", "/version")).toMatchObject({ status: 200, type: "application/json;charset=UTF-8" });
    expect((await send(endpoint, { method: "GET", path: "/api2/json/version" })).status).toBe(401);
  });

  it("shows state, requests and seed, and takes faults, guests and storages, by the lab's own API", async () => {
    await lab("DELETE", "/requests");
    await api("POST", "/nodes/pve/qemu/9000/clone", "newid=100&full=0");
    await until("the clone is there", async () =>
      (await api("GET", "/nodes/pve/qemu/100/config")).answer.includes("scsi0"),
    );
    await api("PUT", "/nodes/pve/qemu/100/config", "ide2=local-lvm:cloudinit&ipconfig0=ip=dhcp");
    await api("POST", "/nodes/pve/qemu/100/status/start");
    await until("it runs", async () =>
      (await api("GET", "/nodes/pve/qemu/100/status/current")).answer.includes('"running"'),
    );
    expect(await lab("GET", "/state")).toMatchObject({
      vms: expect.arrayContaining([expect.objectContaining({ vmid: 100, status: "running" })]),
    });
    expect(await lab("GET", "/requests")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ method: "POST", path: "/api2/json/nodes/pve/qemu/100/status/start" }),
      ]),
    );
    expect(await lab("GET", "/seed/100")).toMatchObject({
      instanceId: expect.stringMatching(/^[0-9a-f]{40}$/),
      networkConfig: expect.stringContaining("dhcp"),
    });
    await lab("PUT", "/guest/100", '{"agent":true,"addresses":["192.0.2.7"]}');
    expect((await api("GET", "/nodes/pve/qemu/100/agent/network-get-interfaces")).answer).toContain("192.0.2.7");
    await lab("POST", "/faults", '{"fault":{"kind":"answer","status":596,"text":"gone"},"match":"version"}');
    expect(await api("GET", "/version")).toMatchObject({ status: 596, reason: "gone" });
    expect((await api("GET", "/version")).status).toBe(200);
    await lab("PUT", "/storage/local-lvm", '{"full":true}');
    expect((await api("GET", "/nodes/pve/storage/local-lvm/status")).answer).toContain('"avail":0');
    expect(await lab("GET", "/nothing")).toEqual({ error: "no such path" });
  });

  it("ends with SIGTERM", async () => {
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0, stderr: "" });
  });

  it("says how it is used, and refuses what it does not know", async () => {
    expect(await run("--help").ended).toMatchObject({ status: 0, stdout: expect.stringContaining("--ssh-port") });
    expect(await run("--prot", "1").ended).toMatchObject({ status: 2, stderr: expect.stringContaining("--prot") });
  });
});
