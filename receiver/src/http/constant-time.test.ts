// Every comparison with something secret goes through crypto.timingSafeEqual, and nothing that was given ends it early.
import type * as Crypto from "node:crypto";
import { createHmac } from "node:crypto";
import { requestMac } from "@nexus-pull/contract";
import { event, SECRET, signedHeaders } from "../test-support";
import { closeAll, ROSTER, SECONDS, Served } from "./test-server";

type Compared = readonly [given: Buffer, expected: Buffer];
const mockCompared: Compared[] = [];

jest.mock("node:crypto", () => {
  const real = jest.requireActual<typeof Crypto>("node:crypto");
  return {
    ...real,
    timingSafeEqual: (left: Buffer, right: Buffer): boolean => {
      mockCompared.push([left, right]);
      return real.timingSafeEqual(left, right);
    },
  };
});

afterEach(closeAll);
beforeEach(() => (mockCompared.length = 0));

const one = event("vm.booted");
const body = JSON.stringify(one);
const good = signedHeaders(body, one.id, SECONDS)["webhook-signature"] ?? "";
/** The same with another character at one place of it: as near as a wrong one can be. */
const changed = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

const given = (): string[] => mockCompared.map(([left]) => left.toString());
const lengths = (): boolean => mockCompared.every(([left, right]) => left.length === right.length);

const FIRST = 3;
const LAST = 45;

describe("a signature", () => {
  const send = async (served: Served, signature: string): Promise<number> =>
    (await served.send(one, { "webhook-signature": signature })).status;

  test.each([FIRST, 24, LAST])("that is wrong at character %d only is compared whole, with each key", async (at) => {
    const served = await Served.open();
    const wrong = changed(good, at);
    expect(await send(served, wrong)).toBe(401);
    // Two operator secrets, so two keys of that VM.
    expect(given()).toEqual([wrong, wrong]);
    expect(mockCompared.map(([, right]) => right.toString())).toContain(good);
    expect(lengths()).toBe(true);
  });

  test("that fits does not end the comparison of those after it, nor one that does not", async () => {
    const served = await Served.open({ secrets: [SECRET] });
    const [early, late] = [changed(good, FIRST), changed(good, LAST)];
    expect(await send(served, `${good} ${early} ${late}`)).toBe(200);
    expect(given()).toEqual([good, early, late]);
    mockCompared.length = 0;
    expect(await send(served, `${early} ${late} ${good}`)).toBe(200);
    expect(given()).toEqual([early, late, good]);
  });

  test("of another length, which the format already tells, is refused as one of the right length is", async () => {
    const served = await Served.open();
    const answer = async (signature: string): Promise<unknown> =>
      (await served.send(one, { "webhook-signature": signature })).json();
    const wrong = await answer(changed(good, LAST));
    for (const signature of [good.slice(0, -1), `${good}=`, "v1,", "x"]) expect(await answer(signature)).toEqual(wrong);
  });
});

test("an operator's wrong MAC is compared whole with that of each secret", async () => {
  const served = await Served.open();
  const right = requestMac(SECRET, { action: "roster", fleet: "dev", id: "roster-01", body: ROSTER });
  for (const at of [FIRST, LAST]) {
    mockCompared.length = 0;
    const headers = { "nexus-pull-id": "roster-01", "nexus-pull-mac": changed(right, at) };
    const answer = await fetch(`${served.base}/fleets/dev/roster`, { method: "PUT", body: ROSTER, headers });
    expect(answer.status).toBe(401);
    expect(given()).toEqual([changed(right, at), changed(right, at)]);
    expect(lengths()).toBe(true);
  }
});

describe("a reader's token", () => {
  const TOKEN = "reader-token-0123456789abcdef";

  test.each([
    ["wrong at its first character", changed(TOKEN, 0)],
    ["wrong at its last character", changed(TOKEN, TOKEN.length - 1)],
    ["a beginning of it", TOKEN.slice(0, 5)],
    ["longer than it", `${TOKEN}0`],
  ])("that is %s is compared as a digest: its length tells nothing", async (_what, token) => {
    const served = await Served.open({ readers: "nobody", token: TOKEN });
    const answer = await served.get("/status", { authorization: `Bearer ${token}` });
    expect(answer.status).toBe(401);
    expect(mockCompared.map(([left, right]) => [left.length, right.length])).toEqual([[32, 32]]);
    // Neither is the text itself.
    expect(given()).not.toContain(token);
  });

  test("that is right is compared in the same way", async () => {
    const served = await Served.open({ readers: "nobody", token: TOKEN });
    const answer = await served.get("/status", { authorization: `Bearer ${TOKEN}` });
    expect([answer.status, mockCompared.length]).toEqual([200, 1]);
  });
});

test("what stands for crypto here compares as crypto does", () => {
  const mac = createHmac("sha256", "key").update("x").digest();
  const { timingSafeEqual } = jest.requireMock<typeof Crypto>("node:crypto");
  expect([timingSafeEqual(mac, Buffer.from(mac)), timingSafeEqual(mac, Buffer.alloc(32))]).toEqual([true, false]);
});
