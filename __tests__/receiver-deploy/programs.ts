// Programs of the system's packages that these suites run.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const PACKAGES: Readonly<Record<string, string>> = {
  "systemd-analyze": "systemd",
  promtool: "prometheus",
  prometheus: "prometheus",
  nginx: "nginx-light",
  caddy: "caddy",
};

/** Why a suite cannot run here, or undefined when the program is there. */
export function programMissing(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const found = folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ? undefined : `${program} is not there: apt-get install ${PACKAGES[program] ?? program}`;
}
