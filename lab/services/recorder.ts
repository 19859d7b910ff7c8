// A recorder in front of a real receiver, on loopback, plain http.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { LoopbackServer } from "./loopback-server";

/** A signed event, as it came. */
export interface Delivery {
  readonly event: { readonly type: string; readonly id: string; readonly data: Record<string, unknown> };
  /** What is wrong with its signature; "" when it is good. */
  readonly problem: string;
  /** What it was answered with. */
  readonly status: number;
}

/** Records what machines say and hands it to the receiver, whose answer it gives; or 503 as often as it is told. */
export class Recorder extends LoopbackServer {
  public readonly deliveries: Delivery[] = [];
  /** Bodies that playbooks posted to /home. */
  public readonly calls: Record<string, unknown>[] = [];
  /** How many deliveries are answered with 503 from now on. */
  public refuse = 0;

  /** `receiver`: the base address of the real one. */
  public constructor(
    private readonly secret: string,
    private readonly receiver: string,
  ) {
    super((request, response) => void this.answer(request, response));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString("utf8");
    if (request.url === "/webhook") {
      const { status, text } = await this.deliver(body, request);
      response.writeHead(status, { "content-type": "application/problem+json" }).end(text);
      return;
    }
    this.calls.push(JSON.parse(body) as Record<string, unknown>);
    response.end();
  }

  private async deliver(body: string, request: IncomingMessage): Promise<{ status: number; text: string }> {
    const sent = JSON.parse(body) as Delivery["event"] | readonly Delivery["event"][];
    const events = Array.isArray(sent) ? (sent as readonly Delivery["event"][]) : [sent as Delivery["event"]];
    const answer = this.refuse > 0 ? { status: 503, text: "" } : await this.passOn(body, request);
    this.refuse = Math.max(this.refuse - 1, 0);
    // A batch is one VM's, so its first event says whose key signs it.
    const [first] = events;
    const problem = first === undefined ? "an empty batch" : this.problem(first, body, request);
    this.deliveries.push(...events.map((event) => ({ event, status: answer.status, problem })));
    return answer;
  }

  /** The same bytes with the same headers. */
  private async passOn(body: string, { headers }: IncomingMessage): Promise<{ status: number; text: string }> {
    const names = ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"];
    const kept = names.map((name) => [name, String(headers[name] ?? "")] as [string, string]);
    try {
      const answer = await fetch(`${this.receiver}/webhook`, { method: "POST", body, headers: kept });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      return { status: 502, text: String(error) };
    }
  }

  /** With the published library, and a key that is derived here anew. */
  private problem({ data }: Delivery["event"], body: string, { headers }: IncomingMessage): string {
    const hash = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
    const key = hash(this.secret + hash(`${this.secret}${String(data.fleet)}/${String(data.vm)}`));
    try {
      const webhook = new Webhook(`whsec_${Buffer.from(key, "ascii").toString("base64")}`);
      webhook.verify(body, headers as Record<string, string>);
      return "";
    } catch (error) {
      return String(error);
    }
  }
}
