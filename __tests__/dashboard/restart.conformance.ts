// The dashboard while its receiver, a real process, is killed and comes back.
import type { Browser } from "playwright-core";
import { beat } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess } from "../../lab/services/receiver-process";
import { describeWith } from "../support/suites";
import { launch, open } from "./browser";

const STREAM = "d".repeat(32);
const VM = "nexus-01";

describeWith(["chromium"], "the dashboard over a restart of its receiver", () => {
  const [place, other] = [new Place(), new Place()];
  let browser: Browser;
  const started: ReceiverProcess[] = [];
  const start = async (port?: number, where = place): Promise<ReceiverProcess> => {
    const receiver = await ReceiverProcess.start(where, port);
    started.push(receiver);
    return receiver;
  };
  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(() => Promise.all(started.splice(0).map((receiver) => receiver.end("SIGKILL"))));
  afterAll(async () => {
    await browser?.close();
    place.remove();
    other.remove();
  });

  const say = async ({ base }: ReceiverProcess, vm: string, seq: number): Promise<void> => {
    expect((await beat(base, vm, STREAM.replace(/^./, vm.at(-1) ?? "0"), seq)).status).toBe(200);
  };

  test("goes on where it was: nothing is missing, nothing is there twice, nothing is reloaded", async () => {
    const first = await start();
    for (const vm of ["vm-1", "vm-2", VM]) await say(first, vm, 1);
    const { page, wrong } = await open(browser, first.base);
    const count = (text: string) => page.locator("#count").filter({ hasText: text }).waitFor();
    await count("3 VMs");
    await page.evaluate(() => (window.mark = "the same page"));
    await first.end("SIGKILL");
    await page.getByText("Receiver is away").waitFor();
    const again = await start(Number(new URL(first.base).port));
    await say(again, VM, 2);
    await say(again, "vm-4", 1);
    await count("4 VMs");
    const names = await page.locator(".rows .name a").allInnerTexts();
    expect(names.sort()).toEqual([VM, "vm-1", "vm-2", "vm-4"]);
    expect(await page.evaluate(() => window.mark)).toBe("the same page");
    await page.getByText("Live", { exact: true }).waitFor();
    await say(again, "vm-5", 1);
    await count("5 VMs");
    await again.end("SIGKILL");
    // Another store, as after a restore: what it does not know is gone from the page, too.
    const third = await start(Number(new URL(first.base).port), other);
    await page.getByRole("heading", { name: "No VM has been heard of yet" }).waitFor();
    await say(third, "vm-9", 1);
    await page.locator(".rows .name a").filter({ hasText: "vm-9" }).waitFor();
    expect(await page.locator(".rows .name a").allInnerTexts()).toEqual(["vm-9"]);
    expect(wrong).toEqual([]);
  });

  test("the log, live, has no gap and no repetition over it", async () => {
    const first = await start();
    const last = await idsOf(await stream(first, "0"), 6);
    await say(first, "vm-1", 2);
    await first.end("SIGKILL");
    const again = await start();
    await say(again, "vm-1", 3);
    const ids = await idsOf(await stream(again, last.at(-1) ?? ""), 2);
    expect([...last, ...ids]).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
  });
});

const stream = (receiver: ReceiverProcess, lastId: string): Promise<Response> =>
  fetch(`${receiver.base}/events/stream`, { headers: { "last-event-id": lastId } });

/** Ids of the first frames; then it hangs up. */
async function idsOf(response: Response, count: number): Promise<string[]> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  let ids: string[] = [];
  while (ids.length < count) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the view ended after ${ids.length}`);
    text += decoder.decode(value, { stream: true });
    ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id ?? "");
  }
  await reader.cancel();
  return ids;
}
