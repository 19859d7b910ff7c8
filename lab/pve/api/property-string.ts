// Proxmox's "property strings" (`virtio=BC:..,bridge=vmbr0`) and sizes.

/** Splits into key and value; what has no `=` is the value of the default key. Empty parts (a trailing comma) are nothing. */
export function parseProperties(text: string, defaultKey = "file"): Map<string, string> {
  const properties = new Map<string, string>();
  for (const part of text.split(",")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    if (at < 0) properties.set(defaultKey, part);
    else properties.set(part.slice(0, at), part.slice(at + 1));
  }
  return properties;
}

/** Prints as Proxmox does: the default key's value first and alone, then the rest sorted by key. */
export function printProperties(properties: ReadonlyMap<string, string>, defaultKey = "file"): string {
  const first = properties.get(defaultKey);
  const rest = [...properties].filter(([key]) => key !== defaultKey).sort(([a], [b]) => (a < b ? -1 : 1));
  return [...(first === undefined ? [] : [first]), ...rest.map(([key, value]) => `${key}=${value}`)].join(",");
}

const UNITS = ["", "K", "M", "G", "T"];

/** Bytes of `20G`, `512K` or `2147483648`; nothing when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text);
  return match === null ? undefined : Math.round(Number(match[1]) * 1024 ** UNITS.indexOf(match[2] ?? ""));
}

/** The largest unit up to G that needs no fraction. */
export function printSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (unit < 3 && value > 0 && value % 1024 === 0) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${UNITS[unit]}`;
}
