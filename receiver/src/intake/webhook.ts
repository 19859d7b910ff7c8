// POST /webhook without HTTP: what a body and its headers come to.
import { type AgentEvent } from "@nexus-pull/contract";
import { type Accepted, maybeKnown, noteForeignKey, takeEvents } from "../engine/commands";
import { type Standing, standingOf } from "../domain/standing";
import type { Engine } from "../engine/engine";
import { Refusal } from "../engine/refusal";
import type { Incoming } from "../engine/transaction";
import { modeOf, parseBody, readEvents } from "./events";
import { readHeaders, type Signed, type WebhookHeaders } from "./signature";
import { namedIn, SignerSearch, type VmKeys, type VmName } from "./signer";

const STREAM_CHARACTERS = 32;

export interface WebhookRequest {
  readonly headers: WebhookHeaders;
  readonly contentType?: string;
  readonly body: Buffer;
  readonly remote?: string;
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

  /** What is held of the machine whose events a signed request has. */
  public standing(id: string): Standing {
    const stream = id.slice(0, STREAM_CHARACTERS);
    return standingOf(this.engine.fleets.byStream(stream), stream);
  }

  /** Resolves when the events are durable. What is refused at once is thrown. */
  public accept(request: WebhookRequest): Promise<Accepted> {
    const signed = readHeaders(request.headers, Math.floor(this.now() / 1000));
    if (typeof signed === "string") throw new Refusal(signed);
    const latin1 = request.body.toString("latin1");
    const named = namedIn(latin1);
    const own = named.filter((name) => this.keys.signs(name, signed, request.body));
    const taken = (signers: readonly VmName[]) => this.take(request, this.read(request, signed, latin1), signers);
    return own.length > 0 ? taken(own) : this.stranger(request, signed, named).then((signer) => taken([signer]));
  }

  private read({ body, contentType }: WebhookRequest, signed: Signed, latin1: string): readonly Incoming[] {
    const mode = modeOf(contentType);
    return readEvents(parseBody(body, latin1), mode, signed.id);
  }

  private take({ remote }: WebhookRequest, events: readonly Incoming[], signers: readonly VmName[]) {
    const { event } = events[0] as Incoming;
    const { fleet, vm } = (event as AgentEvent).data;
    const isSigned = signers.some((one) => one.fleet === fleet && one.vm === vm);
    if (!isSigned) return this.forged(signers, { fleet, vm }, event.id, remote);
    return this.engine.submit(takeEvents(events), maybeKnown(this.engine.fleets, events), events.length);
  }

  /** No key of a VM that the body names fits: either it is nobody's, or another VM's. */
  private async stranger(request: WebhookRequest, signed: Signed, named: readonly VmName[]): Promise<VmName> {
    const bySpeaker = this.engine.fleets.byStream(signed.id.slice(0, STREAM_CHARACTERS));
    const known = [...(bySpeaker === undefined ? [] : [bySpeaker]), ...this.engine.fleets.all()];
    const signer = this.search.find(known, signed, request.body, this.now());
    const [claimed] = named;
    if (signer === undefined) throw new Refusal("signature_invalid");
    // It names nobody that a look at the bytes finds: reading it tells who, or what is wrong with it.
    return claimed === undefined ? signer : this.accuse(signer, claimed, signed.id, request.remote);
  }

  /** The body proposed a key by a text that is not its source, and that key fits. */
  private forged([signer]: readonly VmName[], claimed: VmName, eventId: string, remote?: string): Promise<never> {
    if (signer === undefined) throw new Refusal("signature_invalid");
    return this.accuse(signer, claimed, eventId, remote);
  }

  private async accuse(signer: VmName, claimed: VmName, eventId: string, remote?: string): Promise<never> {
    await this.engine.submit(noteForeignKey({ ...signer, claimed: claimed.vm, eventId, remote }));
    const detail = `signed by ${signer.fleet}/${signer.vm}, named is ${claimed.fleet}/${claimed.vm}`;
    throw new Refusal("key_of_another_vm", { detail });
  }
}
