import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkForwarders } from "./settings";

const folder = mkdtempSync(join(tmpdir(), "forwarders-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const problems = (value: unknown): readonly string[] => {
  const checked = checkForwarders(value);
  return "problems" in checked ? checked.problems : [];
};
const HOOK = { name: "hook", kind: "webhook", url: "https://hooks.example/x" };

test("takes each kind, with secrets in files", () => {
  const good = [
    { ...HOOK, secret_file: file("secret", "whsec_c2VjcmV0\n"), filter: { types: ["run.*"], phases: ["Failed"] } },
    { name: "chat", kind: "slack", url_file: file("url", "https://chat.example/T0/B0\n"), template: "{{vm}}" },
    { name: "alerts", kind: "alertmanager", url: "http://alerts:9093", timeout_s: 5 },
    {
      name: "ara",
      kind: "ara",
      url: "http://ara:8000",
      authorization_file: file("auth", "Basic eA=="),
      from: "beginning",
    },
  ];
  expect(checkForwarders(good)).toEqual({ forwarders: good });
});

test("says everything that is wrong at once, and where", () => {
  const found = problems([
    { ...HOOK, url_file: "x", template: "{{#if vm}}", secret_file: join(folder, "absent") },
    { ...HOOK },
    { name: "alerts", kind: "alertmanager", url: "http://a", template: "{{vm}}", ca_file: file("empty", "\n") },
  ]);
  expect(found).toEqual([
    "forwarders/hook: give either url or url_file",
    "forwarders/hook: url_file: x cannot be read: ENOENT",
    `forwarders/hook: secret_file: ${join(folder, "absent")} cannot be read: ENOENT`,
    "forwarders/hook: the name is there twice",
    "forwarders/alerts: template has no effect for kind alertmanager; it is for webhook, slack",
    `forwarders/alerts: ca_file: ${join(folder, "empty")} is empty`,
  ]);
});

test("fails when a mistake of form hides the others", () => {
  const found = problems([{ name: "Bad Name", kind: "slack" }, { ...HOOK, template: "{{#if vm}}" }, "hook"]);
  expect(found).toEqual([
    expect.stringContaining('forwarders/0/name: must match pattern "^[a-z0-9][a-z0-9-]{0,62}$"; got "Bad Name"'),
    'forwarders/2: must be object; got "hook"',
    "forwarders/0: give either url or url_file",
    expect.stringContaining("forwarders/1: the template cannot be read"),
  ]);
});

test.each([
  [{ ...HOOK, url: "https://user:pass@hooks.example/" }, "forwarders/0/url"],
  [{ ...HOOK, url: "ftp://hooks.example/" }, "forwarders/0/url"],
  [{ ...HOOK, name: "Bad Name" }, 'got "Bad Name"'],
  [{ ...HOOK, filter: { phases: ["Broken"] } }, 'got "Broken"'],
  [{ ...HOOK, secret: "in the file itself" }, 'got "secret"'],
  [{ ...HOOK, template: "{{#if vm}}" }, "the template cannot be read"],
])("refuses %j", (one, expected) => expect(problems([one]).join("\n")).toContain(expected));
