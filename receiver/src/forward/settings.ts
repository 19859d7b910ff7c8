// Forwarders as the configuration file describes them. All that is wrong with all of them is said at once.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { lifecycle } from "@nexus-pull/contract";
import type { Filter } from "./filter";
import { compileTemplate } from "./template";

export type Kind = "webhook" | "slack" | "alertmanager" | "ara";

export interface ForwarderSettings {
  readonly name: string;
  readonly kind: Kind;
  /** Where to. Slack's is a secret: use url_file. */
  readonly url?: string;
  readonly url_file?: string;
  /** Of Standard Webhooks: whsec_ and base64, or plain text. */
  readonly secret_file?: string;
  /** The whole value of the header Authorization, e.g. Basic or Bearer. */
  readonly authorization_file?: string;
  readonly ca_file?: string;
  readonly filter?: Filter;
  readonly template?: string;
  readonly template_file?: string;
  /** Where it begins when it has never run. @default now */
  readonly from?: "now" | "beginning";
  /** @default 10 */
  readonly timeout_s?: number;
  /** Then an event is set aside. @default 86400 */
  readonly give_up_after_s?: number;
}

const texts = { type: "array", minItems: 1, maxItems: 100, items: { type: "string", minLength: 1, maxLength: 253 } };
const path = { type: "string", minLength: 1, maxLength: 4096 };
const SCHEMA = {
  type: "array",
  maxItems: 50,
  items: {
    type: "object",
    additionalProperties: false,
    required: ["name", "kind"],
    properties: {
      name: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
      kind: { enum: ["webhook", "slack", "alertmanager", "ara"] },
      url: { type: "string", pattern: "^https?://[^\\s@]+$", maxLength: 2048 },
      ...{ url_file: path, secret_file: path, authorization_file: path, ca_file: path, template_file: path },
      filter: {
        type: "object",
        additionalProperties: false,
        properties: {
          ...{ types: texts, fleets: texts, vms: texts },
          phases: { type: "array", minItems: 1, items: { enum: lifecycle.phases.map(({ name }) => name) } },
        },
      },
      template: { type: "string", minLength: 1, maxLength: 65536 },
      from: { enum: ["now", "beginning"] },
      timeout_s: { type: "number", exclusiveMinimum: 0, maximum: 300 },
      give_up_after_s: { type: "number", minimum: 0, maximum: 2592000 },
    },
  },
};
const validate = new Ajv({ allErrors: true, verbose: true }).compile<readonly ForwarderSettings[]>(SCHEMA);

/** What a kind has no use for; a setting without effect is a mistake. */
const ONLY: Readonly<Partial<Record<keyof ForwarderSettings, readonly Kind[]>>> = {
  secret_file: ["webhook"],
  template: ["webhook", "slack"],
  template_file: ["webhook", "slack"],
};

const AIM = "give either url or url_file";
const isAimed = ({ url, url_file }: Partial<ForwarderSettings>): boolean =>
  (url === undefined) !== (url_file === undefined);

function problemsOf(one: ForwarderSettings): string[] {
  let problems: string[] = [];
  if (!isAimed(one)) problems.push(AIM);
  if (one.template !== undefined && one.template_file !== undefined)
    problems.push("give template or template_file, not both");
  for (const [key, kinds] of Object.entries(ONLY))
    if (one[key as keyof ForwarderSettings] !== undefined && !kinds.includes(one.kind))
      problems.push(`${key} has no effect for kind ${one.kind}; it is for ${kinds.join(", ")}`);
  for (const key of ["url_file", "secret_file", "authorization_file", "ca_file", "template_file"] as const)
    problems = problems.concat(unreadable(key, one[key]));
  return problems.length === 0 ? contentProblems(one) : problems;
}

function unreadable(key: string, file: string | undefined): string[] {
  if (file === undefined) return [];
  try {
    return readFileSync(file, "utf8").trim() === "" ? [`${key}: ${file} is empty`] : [];
  } catch (error) {
    return [`${key}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`];
  }
}

function contentProblems(one: ForwarderSettings): string[] {
  const problems: string[] = [];
  if (!URL.canParse(urlOf(one))) problems.push("url_file does not hold an address (http:// or https://)");
  try {
    const text = templateOf(one);
    if (text !== undefined) compileTemplate(text);
  } catch (error) {
    problems.push(`the template cannot be read: ${(error as Error).message.split("\n")[0]}`);
  }
  return problems;
}

const contentOf = (file: string): string => readFileSync(file, "utf8").trim();

export const urlOf = (one: ForwarderSettings): string => one.url ?? contentOf(one.url_file ?? "");
export const templateOf = (one: ForwarderSettings): string | undefined =>
  one.template_file === undefined ? one.template : readFileSync(one.template_file, "utf8");
export const textOfFile = (file: string | undefined): string | undefined =>
  file === undefined ? undefined : contentOf(file);

/** What the newest validation found. */
function shapeProblems(): string[] {
  return (validate.errors ?? []).map(({ instancePath, message, params, data }) => {
    const extra = (params as { additionalProperty?: string }).additionalProperty;
    const got = extra ?? (typeof data === "string" ? data : undefined);
    return `forwarders${instancePath}: ${message}${got === undefined ? "" : `; got ${JSON.stringify(got)}`}`;
  });
}

/** What else is wrong with a list that has not its shape, so that it is not found out one mistake after the other. */
function otherProblems(value: unknown): string[] {
  const faulty = new Set((validate.errors ?? []).map(({ instancePath }) => instancePath.split("/")[1]));
  return (Array.isArray(value) ? (value as unknown[]) : []).flatMap((one, index) => {
    if (typeof one !== "object" || one === null) return [];
    const own = faulty.has(String(index)) ? (isAimed(one) ? [] : [AIM]) : problemsOf(one as ForwarderSettings);
    return own.map((problem) => `forwarders/${index}: ${problem}`);
  });
}

/** The forwarders, or everything that is wrong with them. */
export function checkForwarders(
  value: unknown,
): { readonly forwarders: readonly ForwarderSettings[] } | { readonly problems: readonly string[] } {
  if (!validate(value)) return { problems: [...shapeProblems(), ...otherProblems(value)] };
  const seen = new Set<string>();
  const problems = value.flatMap((one) => {
    const own = problemsOf(one);
    if (seen.has(one.name)) own.push("the name is there twice");
    seen.add(one.name);
    return own.map((problem) => `forwarders/${one.name}: ${problem}`);
  });
  return problems.length > 0 ? { problems } : { forwarders: value };
}
