// Markup in every text that the contract lets it into, on every view: texts stay texts, by what the page does itself. With
// the page's policy, which must have had nothing to stop; and without it, where nothing else would.
import type { Browser, Page } from "playwright-core";
import { deriveVmKey } from "@nexus-pull/contract";
import { closeAll, SECONDS, Served } from "../../receiver/src/http/test-server";
import { SECRET, signedHeaders } from "../../receiver/src/test-support";
import { describeWith } from "../support/suites";
import { launch, open, type Watched, wrongs } from "./browser";
import { FORM_COUNT, Markup, REF, TYPES } from "./markup";

type Json = Readonly<Record<string, unknown>>;
const PREFIX = "io.nexus-pull.";
/** How the VMs end: each is wrong in a way of its own, so that the page tells of each. */
const ENDS = ["run.failed", "bootstrap.failed", "run.interrupted", "drift.detected", "run.source.rejected"];
const REASONS = [
  "task_failed",
  "package_failed",
  "terminated",
  "git_auth_failed",
  "signer_unknown",
  "timed_out",
  "disk_full",
];
const HEX = "0123456789abcdef";

/** Texts that views must show outside of the raw event: the least, so that an empty page does not pass. */
const SHOWN = [
  ...["vm.booted.os.id", "vm.booted.os.version", "vm.booted.agent_version"],
  ...["bootstrap.step.message", "bootstrap.succeeded.ansible_version", "bootstrap.succeeded.installed[]"],
  ...["bootstrap.failed.message", "bootstrap.failed.command", "bootstrap.failed.tail[]"],
  ...["run.source.verified.signer.principal", "run.source.rejected.message", "run.started.playbooks[]"],
  ...["run.progress.task", "run.succeeded.changed_tasks[].task", "run.succeeded.diff_summary.files[]"],
  ...["task", "role", "host", "path", "message"].map((name) => `run.failed.failed_tasks[].${name}`),
  ...["run.failed.message", "run.failed.tail[]", "run.interrupted.message", "drift.detected.drifted_tasks[].task"],
  ...["vm.expected.ref", "note", "refusal: key", "refusal: type"],
];

describeWith(["chromium"], "markup in what agents say", () => {
  const markup = new Markup();
  /** What each VM said, by its name. */
  const said = new Map<string, Json[]>();
  let browser: Browser;
  let served: Served;

  const post = (vm: string, id: string, body: string): Promise<Response> =>
    served.post(body, signedHeaders(body, id, SECONDS, deriveVmKey(SECRET, "dev", vm)));

  async function speak(form: number): Promise<void> {
    const vm = `vm-${form}`;
    const last = PREFIX + (ENDS[form % ENDS.length] ?? "");
    const stream = (HEX[form] ?? "").repeat(32);
    const events = [...TYPES.filter((type) => type !== last), last].map((type, index) => {
      const reason = type === last ? REASONS[form] : "task_failed";
      const run_id = type === last ? "run-2" : "run-1";
      const identity = { fleet: "dev", vm, instance_id: `iid-${form}`, stream, seq: index + 1, reason, run_id };
      return markup.event(type, form, identity);
    });
    said.set(vm, events);
    for (const one of events) {
      const answer = await post(vm, String(one["id"]), JSON.stringify(one));
      expect([one["type"], answer.status, answer.ok || (await answer.text())]).toEqual([one["type"], 200, true]);
    }
    expect((await served.post(markup.text(form, "note"), {})).status).toBe(202);
    const type = await post(vm, "x-1", JSON.stringify({ ...events[0], type: markup.text(form, "refusal: type") }));
    expect(type.status).toBe(422);
    const key = JSON.stringify(markup.text(form, "refusal: key"));
    expect((await post(vm, "x-2", `{"source":"/fleets/dev/vms/${vm}",${key}:1,${key}:2}`)).status).toBe(400);
  }

  beforeAll(async () => {
    [browser, served] = await Promise.all([launch(), Served.open({ maxStreams: 50, maxStreamsOfOne: 50 })]);
    const forms = Array.from({ length: FORM_COUNT }, (_, form) => form);
    const roster = forms.map((form) => {
      const ref = markup.through(REF, form, "vm.expected.ref");
      return { name: `vm-${form}`, instance_id: `iid-${form}`, deadline_s: 1800, ref };
    });
    expect((await served.roster("roster-of-markup", JSON.stringify(roster))).status).toBe(200);
    for (const form of forms) await speak(form);
  });
  afterAll(async () => {
    await browser?.close();
    await closeAll();
  });

  /** What markup came to on a page: scripts that ran, and elements that the page does not make. */
  const cameTo = async (page: Page): Promise<readonly string[]> => {
    const found = await page.evaluate(() => {
      const made = [...document.querySelectorAll("*")].flatMap((element) => {
        const names = element.getAttributeNames();
        const isOwn = !names.some((name) => name.startsWith("on") || name === "srcdoc");
        const links = names.some(
          (name) => /^\s*javascript:/i.test(element.getAttribute(name) ?? "") && name !== "title",
        );
        const strange = element.matches("main img, main script, iframe, [id^=attack-], i[id]") || !isOwn || links;
        return strange ? [element.outerHTML.slice(0, 200)] : [];
      });
      return { ran: window.attacks, made };
    });
    return [...found.ran.map((n) => `ran: ${markup.places[n]}`), ...found.made];
  };

  /** Places whose markup is on the page as text, or as the text of a tip; what raw events hold aside. */
  const literally = async (page: Page): Promise<readonly string[]> => {
    const text = await page.evaluate(() => {
      const copy = document.body.cloneNode(true) as HTMLElement;
      for (const raw of copy.querySelectorAll("details")) raw.remove();
      const titles = [...copy.querySelectorAll("[title]")].map((element) => element.getAttribute("title"));
      return [copy.textContent, ...titles].join("\n");
    });
    return [...text.matchAll(/attacks\.push\((\d+)\)|<[bi] id=(?:attack-|a)(\d+)>/g)].map(
      ([, ran, made]) => markup.places[Number(ran ?? made)] ?? "",
    );
  };

  const go = async ({ page }: Watched, hash: string): Promise<Page> => {
    await page.evaluate((to) => (location.hash = to), hash);
    return page;
  };

  async function viewFleet(watched: Watched): Promise<readonly string[]> {
    const { page } = watched;
    await page
      .getByRole("heading", { name: /need attention/ })
      .first()
      .waitFor();
    for (const place of ["#changes li", "#rings li", ".cause .said", ".rows .row .why"])
      await page.locator(place).first().waitFor();
    const whole = await literally(page);
    const given = encodeURIComponent('<img src=x onerror="attacks.push(0)">');
    await go(watched, `#/?q=${given}&reason=${given}&fleet=${given}&phase=Failed`);
    await page.locator("#chips").getByText("<img src=x").waitFor();
    return whole;
  }

  async function viewVm(watched: Watched, vm: string, events: readonly Json[]): Promise<readonly string[]> {
    const page = await go(watched, `#/vms/dev/${vm}`);
    await page.locator(".timeline li").first().waitFor();
    await page.getByRole("heading", { name: new RegExp(`^${vm}`) }).waitFor();
    await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    const raw = await page.locator("#vm details pre").allTextContents();
    const shown = raw.map((text) => JSON.parse(text) as Json).filter(({ id }) => !String(id).startsWith("receiver-"));
    // The newest is on top; each is there as it was sent, to the letter.
    expect(shown.reverse()).toEqual(events);
    return literally(page);
  }

  test("fails when the walk over the schemas goes past texts, or is fooled by a pattern", () => {
    const places = new Set(markup.places);
    for (const place of [
      ...SHOWN,
      "vm.heartbeat.os.kernel",
      "run.failed.signal",
      "run.started.ref",
      "vm.booted.dataschema",
    ])
      expect([...places].filter((one) => one === place || one === PREFIX + place)).toHaveLength(1);
    expect(
      [...places].filter((place) => /\.(?:stream|reason|step|run_id|intended_sha|boot_id|addresses\[\])$/.test(place)),
    ).toEqual([]);
    process.stderr.write(`dashboard: markup in ${places.size} texts, in ${FORM_COUNT} forms\n`);
  });

  test.each([
    ["with the page's policy", false],
    ["with nothing but the page itself", true],
  ])("is text on every view, %s", async (_name, bypassCSP) => {
    const watched = await open(browser, served.base, { bypassCSP });
    const shown = [...(await viewFleet(watched))];
    const found = [...(await cameTo(watched.page))];
    for (const [vm, events] of said) {
      shown.push(...(await viewVm(watched, vm, events)));
      found.push(...(await cameTo(watched.page)));
    }
    const strange = '<img src=x onerror="attacks.push(0)">';
    await go(watched, `#/vms/${encodeURIComponent(strange)}/${encodeURIComponent(strange)}`);
    await watched.page.getByRole("heading", { name: `${strange}/${strange} is unknown` }).waitFor();
    found.push(...(await cameTo(watched.page)));
    expect([found, await wrongs(watched)]).toEqual([[], []]);
    const places = new Set(shown.map((place) => place.replace(PREFIX, "")));
    expect(SHOWN.filter((place) => !places.has(place))).toEqual([]);
    await watched.page.context().close();
  });

  test("is text where the browser is led to what the page is made from", async () => {
    const watched = await open(browser, served.base);
    const found: string[] = [];
    const JSON_ONLY = /^application\/(?:problem\+)?json(?:; charset=utf-8)?$/;
    for (const path of [
      "/status",
      "/status/vm-0?fleet=dev",
      "/events?fleet=dev&vm=vm-0",
      "/changes",
      "/forwarders",
      "/reasons.json",
      "/status/%3Cimg%20src=x%3E",
      "/events?cursor=%3Cimg%20src=x%3E",
      "/%3Cscript%3Eattacks.push(0)%3C/script%3E",
    ]) {
      const answer = await served.get(path);
      expect([path, answer.headers.get("content-type"), answer.headers.get("x-content-type-options")]).toEqual([
        path,
        expect.stringMatching(JSON_ONLY),
        "nosniff",
      ]);
      expect(await answer.text()).not.toBe("");
      // A problem is for programs: the browser may offer to keep it instead of showing it.
      await watched.page.goto(served.base + path).catch(() => undefined);
      expect(await watched.page.evaluate(() => document.contentType)).not.toMatch(/html|xml|svg/);
      found.push(...(await cameTo(watched.page)));
    }
    expect([found, await wrongs(watched)]).toEqual([[], []]);
    await watched.page.context().close();
  });
});
