// What systemd wants to hear of a service of Type=notify. Without its variables all of this does nothing.
import { spawn } from "node:child_process";

export interface Notifier {
  /** It listens. */
  ready(): void;
  stopping(): void;
}

/**
 * Speaks by systemd-notify, as Node has no datagram sockets of that kind. The watchdog is fed from the event loop: a
 * receiver that stands still is restarted.
 *
 * @param say - told when systemd-notify cannot be run
 */
export function openNotifier(env: Readonly<Record<string, string | undefined>>, say: (line: string) => void): Notifier {
  if (!env["NOTIFY_SOCKET"]) return { ready: () => undefined, stopping: () => undefined };
  const send = (...words: string[]): void => {
    const child = spawn("systemd-notify", [`--pid=${process.pid}`, ...words], { stdio: "ignore" });
    child.once("error", (error) => say(`systemd-notify: ${error.message}`));
  };
  const pause = Number(env["WATCHDOG_USEC"] ?? "0") / 1000 / 3;
  return {
    ready: () => {
      send("--ready");
      if (pause > 0) setInterval(() => send("WATCHDOG=1"), pause).unref();
    },
    stopping: () => send("STOPPING=1"),
  };
}
