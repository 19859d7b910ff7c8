// The forwarders' addresses, over forwarders that a test made.
import type { Letter } from "../forward/letters";
import { SECRET } from "../test-support";
import { closeAll, codeOf, Served } from "./test-server";

const LETTER: Letter = { position: 7, error: "http://chat answered 400", attempts: 3, at: "2026-01-01T00:00:00.000Z" };
const CHAT = {
  name: "chat",
  kind: "slack",
  target: "http://chat",
  position: 0,
  delivered: 4,
  set_aside: 1,
  dropped_letters: 0,
  missed: 0,
};
let asked: string[];
const forwarders = {
  status: () => [CHAT],
  deadLetters: (name: string) => (name === "chat" ? Promise.resolve([LETTER]) : undefined),
  sendAgain: (name: string) => {
    asked.push(name);
    return Promise.resolve(1);
  },
};
const resend = (served: Served, id: string, forwarder = "chat", secret = SECRET): Promise<Response> =>
  served.operate("POST", `/forwarders/${forwarder}/resend`, { action: "resend", forwarder, id }, undefined, secret);

beforeEach(() => (asked = []));
afterEach(closeAll);

test("tells how it stands, how far behind they are, and what was given up", async () => {
  const served = await Served.open({ forwarders });
  expect(await (await served.get("/forwarders")).json()).toEqual({
    forwarders: [{ ...CHAT, behind: 0, dead_letters: 1 }],
  });
  expect(await (await served.get("/forwarders/chat/dead")).json()).toEqual({ dead_letters: [LETTER] });
});

test("dead letters are sent again for who has the secret, and an id counts once", async () => {
  const served = await Served.open({ forwarders });
  expect(await codeOf(await resend(served, "resend-01", "chat", "not the secret at all"))).toBe("mac_invalid");
  expect(asked).toEqual([]);
  expect(await (await resend(served, "resend-01")).json()).toEqual({ asked_for: 1 });
  expect(await codeOf(await resend(served, "resend-01"))).toBe("id_used");
  expect(asked).toEqual(["chat"]);
});

test("says which name is unknown or malformed, and that there are none", async () => {
  const served = await Served.open({ forwarders });
  expect(await codeOf(await served.get("/forwarders/other/dead"))).toBe("forwarder_unknown");
  expect(await codeOf(await resend(served, "resend-02", "other"))).toBe("forwarder_unknown");
  expect(await codeOf(await served.get("/forwarders/Bad%20Name/dead"))).toBe("name_malformed");
  expect(await codeOf(await served.get("/forwarders/chat"))).toBe("path_unknown");
  const bare = await Served.open();
  expect(await (await bare.get("/forwarders")).json()).toEqual({ forwarders: [] });
});

test("fails when who may not read learns of targets", async () => {
  const served = await Served.open({ forwarders, readers: "nobody", token: "reader-token" });
  for (const path of ["/forwarders", "/forwarders/chat/dead"]) {
    expect(await codeOf(await served.get(path))).toBe("read_unauthorized");
    expect((await served.get(path, { authorization: "Bearer reader-token" })).status).toBe(200);
  }
});
