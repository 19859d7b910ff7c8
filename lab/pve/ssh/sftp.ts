// SFTP: open, read, stat. Files are written by command, never here.
import { utils, type Attributes, type SFTPWrapper } from "ssh2";
import type { Volume } from "../world/cluster";
import { fileAt } from "../world/snippets";
import type { World } from "../world/world";

const { STATUS_CODE } = utils.sftp;

function attributes(volume: Volume): Attributes {
  return { mode: 0o100644, uid: 0, gid: 0, size: volume.size, atime: volume.ctime, mtime: volume.ctime };
}

/** Serves one SFTP channel. */
export function serveSftp(sftp: SFTPWrapper, world: World, node: string): void {
  const handles = new Map<string, Volume>();
  const at = (handle: Buffer): Volume | undefined => handles.get(handle.toString("hex"));
  let next = 0;
  const stat = (id: number, path: string): void => {
    const volume = fileAt(world.cluster, node, path);
    if (volume === undefined) sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    else sftp.attrs(id, attributes(volume));
  };
  sftp.on("OPEN", (id, path) => {
    const volume = fileAt(world.cluster, node, path);
    if (volume === undefined) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE((next += 1));
    handles.set(handle.toString("hex"), volume);
    sftp.handle(id, handle);
  });
  sftp.on("FSTAT", (id, handle) => {
    const volume = at(handle);
    if (volume === undefined) sftp.status(id, STATUS_CODE.FAILURE);
    else sftp.attrs(id, attributes(volume));
  });
  sftp.on("READ", (id, handle, offset, length) => {
    const bytes = at(handle)?.bytes?.subarray(offset, offset + length);
    if (bytes === undefined || bytes.length === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.data(id, bytes);
  });
  // As sftp-server does: its client waits for the channel's end after its own.
  sftp.on("end", () => sftp.end());
  sftp.on("STAT", stat).on("LSTAT", stat);
  sftp.on("CLOSE", (id, handle) => {
    handles.delete(handle.toString("hex"));
    sftp.status(id, STATUS_CODE.OK);
  });
  for (const event of ["SETSTAT", "FSETSTAT"] as const) sftp.on(event, (id: number) => sftp.status(id, STATUS_CODE.OK));
}
