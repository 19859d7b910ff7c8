// An ISO 9660 image as text that OpenTofu evaluates: no program on the runner makes it, and its contents may be values that
// are unknown at synthesis. The provider uploads the text as UTF-8, so every byte of the image has to be below 0x80:
// - numbers are such that none of their bytes is above: sizes are rounded up, what has a fixed place lies in front;
// - there is no terminator descriptor (its type is 0xFF). Linux then reads sectors 16 to 100 before it takes the primary
//   descriptor that it has seen (fs/isofs/inode.c), so an image has at least 112 sectors;
// - the user-data travels as a MIME part in base64, which cloud-init decodes.
// Names are plain ("user-data"), without version and extensions: Linux shows them as they are.
import { TerraformLocal, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { lazyExpression, local, quoted } from "../opentofu/expressions";

/** OpenTofu expressions of the three documents, evaluated at plan time. */
export interface IsoDocuments {
  /** Any text. */
  readonly userData: () => string;
  /** ASCII, at most `META_DATA_BYTES`. */
  readonly metaData: () => string;
  /** ASCII, at most `NETWORK_CONFIG_BYTES`. */
  readonly networkConfig: () => string;
}

const SECTOR = 2048;
const NETWORK_SECTORS = 4;
/** What the places of the two small files hold; behind the text is at least one line feed. */
export const META_DATA_BYTES = SECTOR - 1;
export const NETWORK_CONFIG_BYTES = NETWORK_SECTORS * SECTOR - 1;

const DESCRIPTOR = 16;
const PATH_TABLE_L = 17;
const PATH_TABLE_M = 18;
const ROOT = 19;
const META_DATA = 20;
const NETWORK_CONFIG = 21;
const USER_DATA = NETWORK_CONFIG + NETWORK_SECTORS;
const LEAST_SECTORS = 112;

// Offsets in the primary volume descriptor (ECMA-119, 8.4).
const VOLUME_SPACE_SIZE = 80;
const PATH_TABLE_BYTES = 10;
// 2024-01-01 00:00 UTC. The image has no time of its own: the same content is the same image.
const DATE = "\x7c\x01\x01\0\0\0\0";
const NO_DATE = `${"0".repeat(16)}\0`;
const DIRECTORY = "\x02";
const FILE = "\0";

/**
 * Keeps the image of a seed as locals below `scope`.
 *
 * @returns the expression of the image's text, asked for at synthesis
 */
export function isoImage(scope: Construct, documents: IsoDocuments): () => string {
  const named = (id: string, text: () => string): (() => string) => {
    const element = new TerraformLocal(scope, id, lazyExpression(text));
    return () => local(element);
  };
  const user = named("iso-user-data", () => mimePart(documents.userData()));
  const sectors = named("iso-sectors", () => evenBytes(`floor(length(${user()}) / ${SECTOR}) + 1`, 16));
  const total = named("iso-total", () => evenBytes(`max(${LEAST_SECTORS}, ${USER_DATA} + ${sectors()})`, 128));
  const constants = sharedConstants(TerraformStack.of(scope));
  return named("iso", () => {
    const [blank, lines] = [`${local(constants)}.blank`, `${local(constants)}.lines`];
    const parts = [
      sectorsOf(blank, `${DESCRIPTOR}`),
      `${local(constants)}.head`,
      bothEndian(total()),
      `${local(constants)}.middle`,
      bothEndian(`${sectors()} * ${SECTOR}`),
      `${local(constants)}.tail`,
      padded(documents.metaData(), `${SECTOR}`, lines),
      padded(documents.networkConfig(), `${NETWORK_SECTORS * SECTOR}`, lines),
      padded(user(), `(${sectors()} * ${SECTOR})`, lines),
      sectorsOf(blank, `${total()} - ${USER_DATA} - ${sectors()}`),
    ];
    return `join("", [${parts.join(", ")}])`;
  });
}

/** The parts of the image that are the same for every VM: once a stack. */
function sharedConstants(stack: TerraformStack): TerraformLocal {
  const id = "nexus-pull-iso";
  const existing = stack.node.tryFindChild(id) as TerraformLocal | undefined;
  const [head, tail] = [descriptor().slice(0, VOLUME_SPACE_SIZE), descriptor().slice(VOLUME_SPACE_SIZE + 8)];
  const { before, after } = rootDirectory();
  return (
    existing ??
    new TerraformLocal(stack, id, {
      head,
      middle: [tail, pathTable(le), pathTable(be), before].join(""),
      tail: after,
      blank: " ".repeat(SECTOR),
      lines: "\n".repeat(SECTOR),
    })
  );
}

/** A text in a sector-aligned place: filled up with line feeds, which neither YAML nor base64 cares about. */
function padded(text: string, bytes: string, lines: string): string {
  const missing = `(${bytes} - length(${text}))`;
  const partial = `replace(${spaces(`${missing} % ${SECTOR}`)}, " ", "\\n")`;
  return `${text}, ${partial}, ${sectorsOf(lines, `floor(${missing} / ${SECTOR})`)}`;
}

/** Spaces, as many as the expression says; none for 0. Slow for many: OpenTofu counts characters one by one. */
function spaces(count: string): string {
  return `format(format("%%%ds", ${count}), "")`;
}

/** So many sectors of a text that fills one. */
function sectorsOf(sector: string, count: string): string {
  return `join("", [for _ in range(${count}) : ${sector}])`;
}

// A message of one part: cloud-init looks for "MIME-Version" in the first 4 KiB of the user-data.
function mimePart(text: string): string {
  const headers = ["Content-Type: text/cloud-config", "MIME-Version: 1.0", "Content-Transfer-Encoding: base64", "", ""];
  return `join("", [${quoted(headers.join("\n"))}, base64encode(${text})])`;
}

/** The next number whose low byte, in units of `step * 2`, is below its half: no byte of it is above 0x7F. */
function evenBytes(count: string, step: number): string {
  return `(${count}) % ${2 * step} < ${step} ? ${count} : ceil((${count}) / ${2 * step}) * ${2 * step}`;
}

/** A number below 2^23 as 32 bits, little-endian and then big-endian; OpenTofu has no other way to a byte than JSON's. */
function bothEndian(count: string): string {
  const byte = (shift: number): string => `floor((${count}) / ${2 ** shift}) % 256`;
  const form = `"${"\\u%04x".repeat(3)}\\u0000\\u0000${"\\u%04x".repeat(3)}"`;
  return `jsondecode(format(${quoted(form)}, ${[0, 8, 16, 16, 8, 0].map(byte).join(", ")}))`;
}

const le = (value: number, bytes: number): string =>
  Array.from({ length: bytes }, (_, index) => String.fromCharCode((value >> (8 * index)) & 0xff)).join("");
const be = (value: number, bytes: number): string => [...le(value, bytes)].reverse().join("");
const both = (value: number, bytes: number): string => le(value, bytes) + be(value, bytes);

/** The primary volume descriptor (ECMA-119, 8.4). */
function descriptor(): string {
  const text = (value: string, width: number): string => value.padEnd(width, " ");
  return [
    `\x01CD001\x01\0${text("", 32)}${text("cidata", 32)}${"\0".repeat(8)}`,
    // Replaced by the image's real size.
    both(0, 4),
    `${"\0".repeat(32)}${both(1, 2)}${both(1, 2)}${both(SECTOR, 2)}${both(PATH_TABLE_BYTES, 4)}`,
    `${le(PATH_TABLE_L, 4)}${le(0, 4)}${be(PATH_TABLE_M, 4)}${be(0, 4)}`,
    directoryRecord("\0", ROOT, SECTOR, DIRECTORY),
    // Volume set, publisher, preparer, application; copyright, abstract, bibliography.
    text("", 4 * 128 + 3 * 37),
    NO_DATE.repeat(4),
    `\x01\0${text("", 512)}`,
  ]
    .join("")
    .padEnd(SECTOR, "\0");
}

/** The only directory's entry in a path table (ECMA-119, 9.4). */
function pathTable(encode: (value: number, bytes: number) => string): string {
  return `\x01\0${encode(ROOT, 4)}${encode(1, 2)}\0\0`.padEnd(SECTOR, "\0");
}

/** The root directory, without the size of the last file. */
function rootDirectory(): { before: string; after: string } {
  const records = [
    directoryRecord("\0", ROOT, SECTOR, DIRECTORY),
    directoryRecord("\x01", ROOT, SECTOR, DIRECTORY),
    directoryRecord("meta-data", META_DATA, SECTOR, FILE),
    directoryRecord("network-config", NETWORK_CONFIG, NETWORK_SECTORS * SECTOR, FILE),
    directoryRecord("user-data", USER_DATA, 0, FILE),
  ];
  const size = records.slice(0, -1).join("").length + 10;
  const directory = records.join("").padEnd(SECTOR, "\0");
  return { before: directory.slice(0, size), after: directory.slice(size + 8) };
}

/** One entry of a directory (ECMA-119, 9.1). */
function directoryRecord(name: string, sector: number, bytes: number, flags: string): string {
  const pad = name.length % 2 === 0 ? "\0" : "";
  const rest = `\0${both(sector, 4)}${both(bytes, 4)}${DATE}${flags}\0\0${both(1, 2)}`;
  const body = `${rest}${String.fromCharCode(name.length)}${name}${pad}`;
  return String.fromCharCode(body.length + 1) + body;
}
