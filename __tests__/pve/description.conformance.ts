// Every parameter that the stand-in accepts, against Proxmox's own API description.
import { tool } from "../../lab/host/tools";
import { describeWith } from "../support/suites";
import { isOptional, readDescription, type Described, type Description } from "../../lab/pve/api/description";
import type { Check, Parameters, PropertyFormat } from "../../lab/pve/api/checks";
import { allRoutes } from "../../lab/pve/stand-in";

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
    .filter(([name, one]) => !isOptional(one) && !path.includes(`{${name}}`))
    .filter(([name]) => parameters[name]?.required !== true)
    .map(([name]) => `${name}: required by the description`);
}

describeWith(["pve-description"], "the parameters that the stand-in accepts", () => {
  let described: Description;
  beforeAll(() => {
    described = readDescription(tool("pve-description"));
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
