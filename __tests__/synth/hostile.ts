// Random prop sets full of text that breaks careless code. Seeded: the same seed gives the same sets.
import fc from "fast-check";
import { Git, type NexusVmPullProps, Signature } from "../../lib";
import { SSH_KEY } from "../support/matrix";

/** Fragments by class; every class must appear in what a suite tries. */
export const CLASSES: Record<string, readonly string[]> = {
  quotes: [`"`, `'`, `""`, `'"'"'`, `\\"`],
  newlines: ["\n", "\r\n", "\r", "\n\n", "a\n  b: c\n"],
  interpolation: ["${", "${var.proxmox_password}", '${file("/etc/passwd")}', "$$", "$"],
  "escaped interpolation": ["$${", "$$${", "$${x}"],
  directive: ["%{", "%{ if true }", "%{http_code}", "%"],
  "escaped directive": ["%%{", "%%%{", "%%{y}"],
  backslashes: ["\\", "\\n", "\\u0041", "C:\\temp", "\\\\"],
  emoji: ["🦊", "👩‍👩‍👧", "🇩🇪"],
  "composed characters": ["é", "Å", "한글", "ﬁ"],
  "control characters": ["\u0001", "\u0007", "\b", "\f", "\u001b[31m", "\u007f", "\u009f"],
  "line separators": ["\u2028", "\u2029", "\u0085"],
  "byte order mark": ["\ufeff"],
  "YAML indicators": [
    ": ",
    "- ",
    "# ",
    "!!python/object:os.system",
    "&a",
    "*a",
    "|",
    ">",
    "%YAML 1.1",
    "@",
    "`",
    "? ",
    "{",
    "[",
  ],
  "YAML scalars": [
    "~",
    "null",
    "yes",
    "No",
    "1e3",
    "0x1f",
    "12:30:45",
    "0o17",
    "1_000",
    ".inf",
    "2001-12-14",
    "<<",
    "=",
  ],
  spaces: [" ", "  leading", "trailing  ", "\t", "\u00a0"],
  "long lines": ["word ".repeat(80), "x".repeat(300)],
  "odd names": ["__proto__", "constructor", "//", "toString", "hasOwnProperty", "dynamic", "for_each"],
  "here-document": ["NEXUS_PULL_SEED", "\nNEXUS_PULL_SEED\n", "$(id)", "`id`"],
};

/** Classes that must be refused, since OpenTofu would not carry them unchanged. */
export const REFUSED_CLASSES: Record<string, readonly string[]> = {
  NUL: ["\0"],
  "lone surrogates": ["\ud83e", "\udd8a"],
  "combining characters": ["e\u0301", "A\u030a", "\u1100\u1161"],
  "token look-alikes": [
    "${TfToken[TOKEN.9999999]}",
    "#{TfToken[TOKEN.9999998]}",
    "&{TfToken[x]}",
    "-8.109562221885233e+298",
  ],
};

const fragments = (classes: Record<string, readonly string[]>): string[] => Object.values(classes).flat();
const harmless = fragments(CLASSES);
const refused = fragments(REFUSED_CLASSES);

/** What one kind of set is drawn from. */
interface Source {
  readonly text: fc.Arbitrary<string>;
  /** Also breaks what has a form of its own: names, tags, paths. */
  readonly breaks: boolean;
}

const carried: Source = {
  text: fc
    .array(
      fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...harmless) }, fc.string({ unit: "binary", maxLength: 6 })),
      {
        maxLength: 4,
      },
    )
    .map((parts) => parts.join("").toWellFormed().replaceAll("\0", "").normalize("NFC")),
  breaks: false,
};

const broken: Source = {
  text: fc
    .array(fc.constantFrom(...harmless, ...refused, ...refused, ...refused), { maxLength: 3 })
    .map((parts) => parts.join("")),
  breaks: true,
};

const line = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  text.map((value) => `x${value.replace(/[\r\n]/g, "")}`);

function anyValue(text: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const leaf = fc.oneof(
    { weight: 5, arbitrary: text },
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1e21, 1.5e-7, 1e300, Number.MAX_SAFE_INTEGER, 0.1),
    fc.boolean(),
    fc.constant(null),
  );
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthIdentifier: "value" },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(text, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
}

const optional = <T extends object>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(members, { requiredKeys: [] }) as unknown as fc.Arbitrary<Partial<T>>;

function cloudConfig({ text, breaks }: Source): fc.Arbitrary<NexusVmPullProps["cloudConfig"]> {
  const command = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }));
  const file = fc.record({ path: line(text).map((path) => `/srv/${path}`), content: text });
  const known = optional({
    write_files: fc.array(file, { maxLength: 2 }),
    runcmd: fc.array(command, { maxLength: 2 }),
    bootcmd: fc.array(command, { maxLength: 2 }),
    packages: fc.array(command, { maxLength: 2 }),
    apt: fc.dictionary(text, anyValue(text), { maxKeys: 2 }),
    timezone: text,
    mounts: fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 2 }),
    ...(breaks ? { hostname: text, ca_certs: anyValue(text) } : {}),
  });
  const odd = fc.dictionary(text, anyValue(text), { maxKeys: 2 });
  return fc.tuple(known, odd).map(([mine, others]) => ({ ...others, ...mine }) as NexusVmPullProps["cloudConfig"]);
}

function user({ text, breaks }: Source) {
  return fc.record(
    {
      name: breaks ? fc.oneof(fc.constant("ops"), text) : fc.constantFrom("ops", "_apt-x", "a1"),
      sudo: line(text),
      shell: breaks ? text : fc.constant("/bin/sh"),
      groups: fc.array(breaks ? text : fc.constantFrom("adm", "sudo"), { maxLength: 2 }),
      sshAuthorizedKeys: fc.array(
        line(text).map((comment) => `${SSH_KEY} ${comment}`),
        { maxLength: 1 },
      ),
    },
    { requiredKeys: ["name"] },
  );
}

function source({ text, breaks }: Source): fc.Arbitrary<Git> {
  const signature = text.map((signer) => Signature.sshAllowedSigners([`x${signer}`]));
  const ssh = fc
    .record(
      { knownHosts: fc.array(line(text), { minLength: 1, maxLength: 2 }), signature },
      { requiredKeys: ["knownHosts"] },
    )
    .map((options) => Git.ssh("git@git.example:ops/ansible.git", options));
  const https = fc
    .record({ username: breaks ? text : fc.constant("o${a}%{u}th2"), ref: breaks ? text : fc.constant("v${1}%{x}") })
    .map((options) => Git.https("https://git.example/ops/${a}%{b}.git", options));
  return fc.oneof(https, ssh);
}

function propSet(from: Source): fc.Arbitrary<Partial<NexusVmPullProps>> {
  const { text, breaks } = from;
  // ansible-pull splits any other name, so a rule keeps them plain.
  const path = breaks ? text : fc.constantFrom("nexus.yml", "a-b/c_d.yml", "roles/x@1+2=3:4.yml");
  const identifier = fc.constantFrom("nexus_port", "_x", "constructor", "a1", "for_each");
  const forms = breaks
    ? { name: text, tags: fc.array(text), pool: text, fleet: text, nodeName: text, datastore: text }
    : {};
  return optional({
    description: text,
    source: source(from),
    cloudConfig: cloudConfig(from),
    extraVars: fc.dictionary(breaks ? fc.oneof(identifier, text) : identifier, anyValue(text), { maxKeys: 3 }),
    users: fc.array(user(from), { maxLength: 1 }),
    sshAuthorizedKeys: fc.array(
      line(text).map((comment) => `${SSH_KEY} ${comment}`),
      { maxLength: 1 },
    ),
    inventory: path,
    playbooks: fc.array(path, { minLength: 1, maxLength: 2 }),
    ...forms,
  }) as fc.Arbitrary<Partial<NexusVmPullProps>>;
}

/** One prop set: three of four hold only what OpenTofu can carry, the fourth holds anything anywhere. */
export const propSets: fc.Arbitrary<Partial<NexusVmPullProps>> = fc.oneof(
  { weight: 3, arbitrary: propSet(carried) },
  { weight: 1, arbitrary: propSet(broken) },
);

/** The seed of a run: fixed, so that CI is the same every time; NEXUS_PULL_SEED varies it. */
export const SEED = Number(process.env.NEXUS_PULL_SEED ?? 20_260_703);

/** Prop sets of this run, at most `count`. */
export function samplePropSets(count: number): Partial<NexusVmPullProps>[] {
  return fc.sample(propSets, { numRuns: count, seed: SEED });
}

/** All texts of a value, keys included. */
export function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, member]) => [key, ...textsOf(member)]);
}
