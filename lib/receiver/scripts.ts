import { readPackageFile } from "../templates/package-root";

const scripts = new Map<string, string>();

/**
 * A script of templates/receiver without the lines that only a reader needs: destroy provisioners may not refer to a local, so
 * each VM's release carries the text.
 */
export function readScript(name: string): string {
  let text = scripts.get(name);
  if (text === undefined) {
    text = readPackageFile(`templates/receiver/${name}.sh`)
      .split("\n")
      .filter((line) => !/^\s*(#|$)/.test(line))
      .join("\n");
    scripts.set(name, text);
  }
  return text;
}
