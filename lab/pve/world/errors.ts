// Errors as Proxmox VE's HTTP server words them.

/** A refusal: the text is the reason phrase and, with a newline, the body's message. */
export class PveError extends Error {
  public constructor(
    public readonly status: number,
    text: string,
    public readonly options: {
      /** Why each parameter was refused. */
      readonly errors?: Readonly<Record<string, string>>;
      /** The answer has no body at all, as with every 401 of the proxy. */
      readonly noBody?: boolean;
      /** The message has no newline at its end. */
      readonly noNewline?: boolean;
    } = {},
  ) {
    super(text);
    this.name = "PveError";
  }
}

/** `die "text\n"` in a handler. */
export function died(text: string): PveError {
  return new PveError(500, text);
}

/** Parameters that were refused, all together. */
export function badParameters(errors: Readonly<Record<string, string>>): PveError {
  return new PveError(400, "Parameter verification failed.", { errors });
}

/** No such path, or no such method on it. */
export function notImplemented(method: string, path: string): PveError {
  return new PveError(501, `Method '${method} ${path}' not implemented`, { noNewline: true });
}

/** The configuration of a VM that is not there. */
export function noSuchVm(node: string, vmid: number): PveError {
  return died(`Configuration file 'nodes/${node}/qemu-server/${vmid}.conf' does not exist`);
}

/** What a task ends with: the text alone. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
