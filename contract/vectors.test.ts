import { createHmac, timingSafeEqual } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { deriveVmKey, requestMac, requestMessage, verifyRequestMac, type OperatorRequest } from "./keys";
import { rejections, schemas } from "./index";
import { readJson } from "./test-support";

interface KeyVector {
  readonly name: string;
  readonly secret: string;
  readonly fleet: string;
  readonly vm: string;
  readonly key: string;
  readonly whsec: string;
}
interface SignatureVector {
  readonly name: string;
  readonly keys: readonly string[];
  readonly now: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_b64?: string;
  readonly valid: boolean;
  readonly code?: string;
  readonly stock_valid?: boolean;
}
interface MacVector {
  readonly name: string;
  readonly action: OperatorRequest["action"];
  readonly forwarder?: string;
  readonly secret: string;
  readonly fleet: string;
  readonly vm?: string;
  readonly stream?: string;
  readonly id: string;
  readonly body?: string;
  readonly message: string;
  readonly mac: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly valid: boolean;
}
const vectors = <T>(name: string): T[] => (readJson(`vectors/${name}.json`) as { vectors: T[] }).vectors;
const keys = vectors<KeyVector>("keys");
const signatures = vectors<SignatureVector>("signatures");
const macs = vectors<MacVector>("macs");
const bytesOf = ({ body, body_b64 }: SignatureVector): Buffer =>
  body_b64 === undefined ? Buffer.from(body ?? "") : Buffer.from(body_b64, "base64");
const whsec = (key: string): string => `whsec_${Buffer.from(key).toString("base64")}`;

/** The rule of signatures.json in its shortest form; receivers write their own. Gives a refusal's code, or undefined. */
function refusal(vector: SignatureVector): string | undefined {
  const { "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": given } = vector.headers;
  if (id === undefined || stamp === undefined || given === undefined) return "signature_missing";
  if (!new RegExp(schemas.event.$defs.id.pattern).test(id)) return "webhook_id_malformed";
  if (!/^[0-9]{1,12}$/.test(stamp)) return "timestamp_malformed";
  const age = vector.now - Number(stamp);
  if (Math.abs(age) > 300) return age > 0 ? "timestamp_too_old" : "timestamp_too_new";
  const fits = vector.keys.some((key) => {
    const digest = createHmac("sha256", key).update(`${id}.${stamp}.`).update(bytesOf(vector)).digest("base64");
    const expected = Buffer.from(`v1,${digest}`);
    return given
      .split(" ")
      .some((one) => one.length === expected.length && timingSafeEqual(Buffer.from(one), expected));
  });
  return fits ? undefined : "signature_invalid";
}

describe("keys.json", () => {
  test.each(keys)("$name", ({ secret, fleet, vm, key, whsec: whsecOfKey }) => {
    expect(deriveVmKey(secret, fleet, vm)).toBe(key);
    expect(whsec(key)).toBe(whsecOfKey);
    expect(fleet).toMatch(new RegExp(schemas.agentConfig.$defs.fleet.pattern));
    expect(vm).toMatch(new RegExp(schemas.agentConfig.$defs.vmName.pattern));
  });

  test("only the decomposed secret shares a key", () => {
    expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length - 1);
  });
});

describe("signatures.json", () => {
  test.each(signatures)("$name, by node:crypto", (vector) => {
    expect({ valid: refusal(vector) === undefined, code: refusal(vector) }).toEqual({
      valid: vector.valid,
      code: vector.code,
    });
  });

  test.each(signatures)("$name, by the stock library", (vector) => {
    const clock = jest.spyOn(Date, "now").mockReturnValue(vector.now * 1000);
    const verify = (key: string) => () =>
      new Webhook(whsec(key)).verify(bytesOf(vector), vector.headers, { jsonParse: false });
    const passes = vector.keys.some((key) => !throws(verify(key)));
    clock.mockRestore();
    expect(passes).toBe(vector.stock_valid ?? vector.valid);
  });

  test("every code is a refusal of the webhook", () => {
    const known = rejections.filter(({ on }) => on.includes("webhook")).map(({ code }) => code);
    for (const { valid, code } of signatures) {
      expect(code === undefined).toBe(valid);
      if (code !== undefined) expect(known).toContain(code);
    }
  });

  test("there are good and bad ones", () => {
    expect(signatures.filter(({ valid }) => valid).length).toBeGreaterThanOrEqual(6);
    expect(signatures.filter(({ valid }) => !valid).length).toBeGreaterThanOrEqual(15);
  });
});

describe("macs.json", () => {
  const requestOf = ({ action, fleet, vm, stream, forwarder, id, body }: MacVector): OperatorRequest => {
    if (action === "resend") return { action, forwarder: forwarder ?? "", id };
    if (action === "trust") return { action, fleet, vm: vm ?? "", stream: stream ?? "", id };
    return action === "roster" ? { action, fleet, id, body: body ?? "" } : { action, fleet, vm: vm ?? "", id };
  };

  test.each(macs)("$name", (vector) => {
    const request = requestOf(vector);
    expect(requestMessage(request)).toBe(vector.message);
    expect(requestMac(vector.secret, request)).toBe(`v1,${vector.mac}`);
    expect(vector.headers["nexus-pull-id"]).toBe(vector.id);
    const header = vector.headers["nexus-pull-mac"] ?? "";
    expect(verifyRequestMac([vector.secret], request, header)).toBe(vector.valid);
    expect(verifyRequestMac(["another secret", vector.secret], request, header)).toBe(vector.valid);
    expect(verifyRequestMac(["another secret"], request, header)).toBe(false);
    expect(verifyRequestMac([], request, header)).toBe(false);
  });

  test("each action has a good one and a bad one", () => {
    for (const valid of [true, false]) {
      expect(new Set(macs.filter((one) => one.valid === valid).map(({ action }) => action))).toEqual(
        new Set(["roster", "release", "retire", "acknowledge", "trust", "resend", "wait"]),
      );
    }
  });
});

test("no two requests share a message, and none is a VM's name", () => {
  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{7,20}$/);
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
  const request: fc.Arbitrary<OperatorRequest> = fc.oneof(
    fc.record({ action: fc.constant("roster" as const), fleet: name, id, body: fc.string() }),
    fc.record({ action: fc.constant("resend" as const), forwarder: name, id }),
    fc.record({ action: fc.constant("trust" as const), fleet: name, vm: name, stream: name, id }),
    fc.record({
      action: fc.constantFrom("release" as const, "retire" as const, "acknowledge" as const, "wait" as const),
      fleet: name,
      vm: name,
      id,
    }),
  );
  fc.assert(
    fc.property(request, request, name, name, (one, other, fleet, vm) => {
      const same = JSON.stringify(one, Object.keys(one).sort()) === JSON.stringify(other, Object.keys(other).sort());
      expect(requestMessage(one) === requestMessage(other)).toBe(same);
      expect(requestMessage(one)).not.toBe(`${fleet}/${vm}`);
    }),
  );
});

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
