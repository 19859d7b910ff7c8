// tools/ansible-cores.sh when PyPI serves a newer ansible-core, one that cannot be installed, or nothing.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";

const SCRIPT = join(REPOSITORY, "tools", "ansible-cores.sh");
const LOCK = readFileSync(join(REPOSITORY, "tools", "ansible-cores", "requirements.txt"));
const MARK = createHash("sha256").update(LOCK).digest("hex").slice(0, 12);
const [, PINNED = ""] = /^2\.\d+ +(\S+)[^\n]*\n'$/m.exec(readFileSync(SCRIPT, "utf8")) ?? [];
// Does what the script asks of a Python: makes a folder with itself in it, "installs", and answers as the index would.
const PYTHON = `#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$STAND_IN/asked"
case " $* " in
  *" -m venv "*) for folder; do :; done; mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" ;;
  *" index versions "*) [ -e "$STAND_IN/index" ] && cat "$STAND_IN/index" ;;
  *" pip install "*) [ ! -e "$STAND_IN/no-install" ] || exit 1
    for program in ansible ansible-pull; do printf '#!/bin/sh\\n' >"$here/$program" && chmod 755 "$here/$program"; done ;;
esac
`;

describe("tools/ansible-cores.sh and a newer ansible-core", () => {
  let folder: string;
  const place = (name: string, text: string, mode = 0o644): string => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text, { mode });
    return join(folder, name);
  };
  const venv = (release: string): string => join(folder, "ansible-cores", `ansible-core-${release}-${MARK}`);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nexus-pull-cores-"));
    place("python", PYTHON, 0o755);
    const pinned = `ansible-cores/ansible-core-${PINNED}-${MARK}`;
    for (const name of ["python", "ansible-pull"]) place(`${pinned}/bin/${name}`, PYTHON, 0o755);
    place(`${pinned}/complete`, "");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const serve = (...versions: string[]) => place("index", `Available versions: ${versions.join(", ")}\n`);
  function newest(...more: string[]): { folder: string; said: string } {
    const env = { ...process.env, NEXUS_PULL_TOOLS: folder, STAND_IN: folder };
    const python = { NEXUS_PULL_PYTHON_3_13: join(folder, "python") };
    const args = ["--only", "newest", "--print", ...more];
    const run = spawnSync(SCRIPT, args, { env: { ...env, ...python }, encoding: "utf8", timeout: 60_000 });
    expect(run).toMatchObject({ status: 0 });
    return { folder: run.stdout.trim().replace(/^[^=]*=/, ""), said: run.stderr };
  }

  it("takes the pinned one, and says nothing, when PyPI has nothing newer", () => {
    serve("99.0.0b1", PINNED, "2.9.0");
    expect(newest()).toEqual({ folder: venv(PINNED), said: "" });
    serve("2.9.0");
    expect(newest()).toEqual({ folder: venv(PINNED), said: "" });
  });

  it("installs a newer one and says that it is not pinned; who only looks gets it without asking PyPI", () => {
    serve("99.0.0", "99.0.0rc1");
    const { folder: found, said } = newest();
    expect(found).toBe(venv("99.0.0"));
    expect(said).toContain(`PyPI serves ansible-core 99.0.0, newer than ${PINNED}`);
    const asked = readFileSync(join(folder, "asked"), "utf8");
    expect(newest("--no-build").folder).toBe(found);
    expect(readFileSync(join(folder, "asked"), "utf8")).toBe(asked);
  });

  it("takes a release for newer than its candidate", () => {
    const candidate = `${PINNED.replace(/rc\d+$/, "")}rc0`; // older than the pinned one, whether that is a candidate or not
    serve(candidate);
    expect(newest().folder).toBe(venv(PINNED));
    const release = PINNED.includes("rc") ? PINNED.replace(/rc\d+$/, "") : "99.0.0";
    serve(release, PINNED, candidate);
    expect(newest().folder).toBe(venv(release));
  });

  it("goes on with the pinned one, and says so, when the newer one cannot be installed", () => {
    serve("99.0.0");
    place("no-install", "");
    const { folder: found, said } = newest();
    expect(found).toBe(venv(PINNED));
    expect(said).toContain("99.0.0 could NOT be installed; going on without it");
    expect(newest("--no-build").folder).toBe(venv(PINNED));
  });

  it("goes on with what it found before, and says so, when PyPI cannot be asked", () => {
    expect(newest()).toMatchObject({ folder: venv(PINNED), said: expect.stringContaining("could not be asked") });
    serve("99.0.0");
    newest();
    rmSync(join(folder, "index"));
    expect(newest()).toMatchObject({ folder: venv("99.0.0"), said: expect.stringContaining("could not be asked") });
  });
});
