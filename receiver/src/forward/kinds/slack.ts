// Chats that take Slack's incoming webhooks: Slack, Mattermost, Rocket.Chat.
import type { Target } from "../delivery";
import type { HttpClient } from "../http";
import { compileTemplate, type Render } from "../template";
import { viewOf } from "../view";

const DEFAULT = compileTemplate(
  "*{{plain fleet}}/{{plain vm}}* {{plain type}}{{#if phase}} → {{plain phase}}{{/if}}" +
    "{{#if reason}} · {{plain reason}}{{/if}}{{#if commit}} · `{{short commit}}`{{/if}}" +
    "{{#if message}}\n> {{plain message}}{{#if remedy}}\n_{{plain remedy}}_{{/if}}{{/if}}",
);
/** Longer texts are cut by Slack at 40,000 characters; nobody reads even a tenth of it. */
const LONGEST = 3000;

export function slackTarget(url: URL, http: HttpClient, render: Render = DEFAULT): Target {
  return {
    async deliver(item, signal): Promise<void> {
      const text = render(viewOf(item)).slice(0, LONGEST);
      const headers = { "content-type": "application/json; charset=utf-8" };
      await http.call({ method: "POST", url, headers, body: JSON.stringify({ text }), signal });
    },
  };
}
