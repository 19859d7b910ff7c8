// Routes as data: path, parameters, what the caller needs, and the handler.
import type { UserId } from "../world/auth";
import { checkParameters, type Parameters } from "./checks";
import { notImplemented, PveError } from "../world/errors";
import type { World } from "../world/world";

/** The one call that needs no ticket. */
export const LOGIN_PATH = "/access/ticket";

/** A file of a multipart upload. */
export interface UploadedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** One call, checked. */
export interface Call {
  readonly world: World;
  readonly user: UserId;
  /** Path variables, query and body together. */
  readonly given: ReadonlyMap<string, string>;
  /** The node in the path; empty when there is none. */
  readonly node: string;
  /** The VM id in the path; 0 when there is none. */
  readonly vmid: number;
  readonly file?: UploadedFile;
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One method on one path. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  /** Beside the path's own variables. */
  readonly parameters: Parameters;
  /** Throws the 403; runs before the parameters are checked. Without it every user may call. */
  readonly permission?: (call: Call) => void;
  readonly handle: (call: Call) => unknown;
}

/** Checks of the variables in paths. */
export type PathChecks = Parameters;

interface Match {
  readonly route: Route;
  readonly variables: Map<string, string>;
}

function segments(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function matchPath(pattern: readonly string[], given: readonly string[]): Map<string, string> | undefined {
  if (pattern.length !== given.length) return undefined;
  const variables = new Map<string, string>();
  for (const [index, part] of pattern.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith("{")) variables.set(part.slice(1, -1), value);
    else if (part !== value) return undefined;
  }
  return variables;
}

/** Finds routes and calls them. */
export class Router {
  private readonly routes: readonly (readonly [Route, readonly string[]])[];

  public constructor(
    routes: readonly Route[],
    private readonly pathChecks: PathChecks,
  ) {
    this.routes = routes.map((route) => [route, segments(route.path)] as const);
  }

  /** All routes, for those who compare them with Proxmox's own description. */
  public get all(): readonly Route[] {
    return this.routes.map(([route]) => route);
  }

  /** @throws PveError - 501: no such path or method */
  public find(method: string, path: string): Match {
    const given = segments(path).map((part) => decodeURIComponent(part));
    for (const [route, pattern] of this.routes) {
      const variables = route.method === method ? matchPath(pattern, given) : undefined;
      if (variables !== undefined) return { route, variables };
    }
    throw notImplemented(method, path);
  }

  /**
   * Calls a route: node, permission, parameters, handler, in Proxmox's order.
   *
   * @throws PveError - any refusal
   */
  public async call(
    match: Match,
    input: {
      readonly world: World;
      readonly user: UserId;
      readonly given: ReadonlyMap<string, string>;
      readonly file?: UploadedFile;
    },
  ): Promise<unknown> {
    const { route, variables } = match;
    const node = variables.get("node") ?? "";
    if (variables.has("node") && !input.world.cluster.nodes.has(node)) throw unknownNode(node);
    const given = new Map([...input.given, ...variables]);
    const call: Call = { ...input, given, node, vmid: Number(variables.get("vmid") ?? 0) };
    route.permission?.(call);
    const path = Object.fromEntries(
      [...variables.keys()].map((name) => [name, this.pathChecks[name] ?? { type: "string" }]),
    );
    checkParameters({ ...route.parameters, ...path } as Parameters, given);
    return route.handle(call);
  }
}

function unknownNode(node: string): PveError {
  return new PveError(
    500,
    `hostname lookup '${node}' failed - failed to get address info for: ${node}: Name or service not known`,
  );
}
