// POST /webhook without HTTP: what a body and its headers come to.
import { type AgentEvent } from "../../../contract";
import { type Accepted, maybeKnown, noteForeignKey, takeEvents } from "../engine/commands";
import type { Engine } from "../engine/engine";
import { Refusal } from "../engine/refusal";
import type { Incoming } from "../engine/transaction";
import { modeOf, parseBody, readEvents } from "./events";
import { readHeaders, type Signed, type WebhookHeaders } from "./signature";
import { namedIn, SignerSearch, type VmKeys, type VmName } from "./signer";

export interface WebhookRequest {
  readonly headers: WebhookHeaders;
  readonly contentType?: string;
  readonly body: Buffer;
  readonly remote?: string;
  /** Whether its connection ends with it. @default false */
  readonly leaves?: boolean;
}

export function isUnsigned({ id, timestamp, signature }: WebhookHeaders): boolean {
  return id === undefined && timestamp === undefined && signature === undefined;
}

export class Webhook {
  private readonly search: SignerSearch;

  public constructor(
    private readonly engine: Engine,
    private readonly keys: VmKeys,
    private readonly now: () => number,
  ) {
    this.search = new SignerSearch(keys);
  }

  /** Resolves when the events are durable. */
  public async accept(request: WebhookRequest): Promise<Accepted> {
    const signed = readHeaders(request.headers, Math.floor(this.now() / 1000));
    if (typeof signed === "string") throw new Refusal(signed);
    const named = namedIn(request.body);
    const own = named.filter((name) => this.keys.signs(name, signed, request.body));
    const signers = own.length > 0 ? own : [await this.stranger(request, signed, named)];
    const mode = modeOf(request.contentType);
    const events = readEvents(parseBody(request.body), mode, signed.id);
    await this.checkSigners(signers, events, request.remote);
    const finds = maybeKnown(this.engine.fleets, events);
    return this.engine.submit(takeEvents(events), { finds, leaves: request.leaves });
  }

  /** No key of a VM that the body names fits: either it is nobody's, or another VM's. */
  private async stranger(request: WebhookRequest, signed: Signed, named: readonly VmName[]): Promise<VmName> {
    const bySpeaker = this.engine.fleets.byStream(signed.id.slice(0, 32));
    const known = [...(bySpeaker === undefined ? [] : [bySpeaker]), ...this.engine.fleets.all()];
    const signer = this.search.find(known, signed, request.body, this.now());
    const [claimed] = named;
    if (signer === undefined) throw new Refusal("signature_invalid");
    // It names nobody that a look at the bytes finds: reading it tells who, or what is wrong with it.
    return claimed === undefined ? signer : this.accuse(signer, claimed, signed.id, request.remote);
  }

  private async checkSigners(signers: readonly VmName[], events: readonly Incoming[], remote?: string): Promise<void> {
    const [first] = events;
    const { fleet, vm } = (first?.event as AgentEvent).data;
    const [signer] = signers;
    if (signers.some((one) => one.fleet === fleet && one.vm === vm)) return;
    // The body proposed a key by a text that is not its source, and that key fits.
    if (signer === undefined) throw new Refusal("signature_invalid");
    await this.accuse(signer, { fleet, vm }, first?.event.id ?? "", remote);
  }

  private async accuse(signer: VmName, claimed: VmName, eventId: string, remote?: string): Promise<never> {
    await this.engine.submit(noteForeignKey({ ...signer, claimed: claimed.vm, eventId, remote }));
    const detail = `signed by ${signer.fleet}/${signer.vm}, named is ${claimed.fleet}/${claimed.vm}`;
    throw new Refusal("key_of_another_vm", { detail });
  }
}
