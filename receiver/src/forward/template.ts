// Handlebars over a View. Nothing is escaped by itself, as what comes out is JSON or plain text, never HTML.
import Handlebars from "handlebars";
import type { View } from "./view";

export type Render = (view: View) => string;

const own = Handlebars.create();
/** A value as JSON, quotes included: {"text": {{json message}}} */
own.registerHelper("json", (value: unknown) => JSON.stringify(value) ?? "null");
/** Text in which a chat sees no markup: <!channel> would call everybody. */
own.registerHelper("plain", (value: unknown) => escapeChat(value === undefined || value === null ? "" : String(value)));
/** The first characters of a commit. */
own.registerHelper("short", (value: unknown) => (typeof value === "string" ? value.slice(0, 12) : ""));

/** Mattermost and Rocket.Chat call everybody for these bare words; with a character of no width in it, they are none. */
const CALLS = /@(?=(?:all|channel|here|everyone)\b)/gi;

export function escapeChat(text: string): string {
  const marked = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return marked.replace(CALLS, "@\u200b");
}

/** @throws Error when the text is no template */
export function compileTemplate(text: string): Render {
  own.parse(text);
  return own.compile<View>(text, { noEscape: true, strict: false }) as Render;
}
