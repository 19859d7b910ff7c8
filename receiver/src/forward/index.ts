// From settings to forwarders that run.
import { compileFilter, compileScope } from "./filter";
import type { Target } from "./delivery";
import { Forwarder, type ForwarderStatus, type Surroundings } from "./forwarder";
import { HttpClient } from "./http";
import { alertmanagerTarget } from "./kinds/alertmanager";
import { araTarget } from "./kinds/ara";
import { slackTarget } from "./kinds/slack";
import { keyOf, webhookTarget } from "./kinds/webhook";
import type { Letter } from "./letters";
import { type ForwarderSettings, templateOf, textOfFile, urlOf } from "./settings";
import { compileTemplate } from "./template";

export interface ForwardOptions {
  readonly settings: readonly ForwarderSettings[];
  /** Whether targets in private networks are allowed. */
  readonly allowPrivate: boolean;
  readonly around: Surroundings;
}

function targetOf(one: ForwarderSettings, http: HttpClient, now: () => number): Target {
  const url = new URL(urlOf(one));
  const text = templateOf(one);
  const render = text === undefined ? undefined : compileTemplate(text);
  const authorization = textOfFile(one.authorization_file);
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const secret = textOfFile(one.secret_file);
  switch (one.kind) {
    case "webhook":
      return webhookTarget({ url, http, now, headers, render, key: secret === undefined ? undefined : keyOf(secret) });
    case "slack":
      return slackTarget(url, http, render);
    case "alertmanager":
      return alertmanagerTarget({ url, http, now, headers });
    case "ara":
      return araTarget({ url, http, headers });
  }
}

export class Forwarders {
  private readonly clients: HttpClient[] = [];
  private readonly all: readonly Forwarder[];
  private readonly running: Promise<void>[] = [];

  public constructor({ settings, allowPrivate, around }: ForwardOptions) {
    this.all = settings.map((one) => {
      const ca = textOfFile(one.ca_file);
      const http = new HttpClient({ timeoutMs: (one.timeout_s ?? 10) * 1000, ca, allowPrivate });
      this.clients.push(http);
      const options = {
        ...{ name: one.name, kind: one.kind, origin: new URL(urlOf(one)).origin, from: one.from ?? "now" },
        ...{ target: targetOf(one, http, around.now), matches: compileFilter(one.filter) },
        covers: compileScope(one.filter),
        giveUpAfterMs: (one.give_up_after_s ?? 86_400) * 1000,
      };
      return new Forwarder(options, around);
    });
  }

  public start(): void {
    for (const one of this.all) this.running.push(one.run());
  }

  /** The log grew. */
  public wake(): void {
    for (const one of this.all) one.wake();
  }

  public status(): readonly ForwarderStatus[] {
    return this.all.map((one) => one.status());
  }

  /** Undefined: there is no such forwarder. */
  public deadLetters(name: string): Promise<readonly Letter[]> | undefined {
    return this.find(name)?.deadLetters();
  }

  /** How many are sent again; undefined: there is no such forwarder. */
  public sendAgain(name: string): Promise<number> | undefined {
    return this.find(name)?.sendAgain();
  }

  /** What is on its way is broken off: it is sent again at the next start. */
  public async stop(): Promise<void> {
    for (const one of this.all) one.stop();
    await Promise.all(this.running);
    await Promise.all(this.clients.map((client) => client.close()));
  }

  private find(name: string): Forwarder | undefined {
    return this.all.find(({ options }) => options.name === name);
  }
}
