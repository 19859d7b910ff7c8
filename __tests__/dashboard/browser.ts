// One real browser for a suite, and pages that keep a record of everything that must not happen.
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { tool } from "../../lab/host/tools";

// What follows headless is what a program that runs as root, without a network of its own, needs.
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** It makes a profile of its own in a temporary folder, and removes it. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: tool("chromium"), args: ARGS, timeout: 60_000 });

declare global {
  interface Window {
    violations: string[];
    attacked?: boolean;
    /** Hostile texts that were run, by their numbers. */
    attacks: number[];
    /** Set by a test: gone after a reload. */
    mark?: string;
  }
}

export interface Watched {
  readonly page: Page;
  /** Errors, dialogs, violations of the policy, requests to elsewhere or with a token in them. */
  readonly wrong: string[];
  readonly requests: string[];
}

export interface Looks extends BrowserContextOptions {
  /** What must not be in any address. */
  readonly secret?: string;
}

/** Where the receiver is away on purpose the browser says so. */
const EXPECTED = /Failed to load resource|net::ERR_/;

export async function open(browser: Browser, address: string, looks: Looks = {}): Promise<Watched> {
  const { secret, ...options } = looks;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
    ...options,
  });
  const page = await context.newPage();
  const { origin } = new URL(address);
  const watched: Watched = { page, wrong: [], requests: [] };
  const { wrong, requests } = watched;
  page.on("pageerror", (error) => wrong.push(`error: ${String(error)}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) wrong.push(`console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    requests.push(request.url());
    if (!request.url().startsWith(`${origin}/`)) wrong.push(`elsewhere: ${request.url()}`);
    if (secret !== undefined && request.url().includes(secret)) wrong.push(`secret: ${request.url()}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    window.attacks = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  await page.goto(address);
  return watched;
}

/** What went wrong so far, and what the policy had to stop. */
export async function wrongs({ page, wrong }: Watched): Promise<string[]> {
  return [...wrong, ...(await page.evaluate(() => [...window.violations]))];
}

/** How long the page takes from an action until what it leads to is painted, in milliseconds. */
export async function paintedAfter(page: Page, action: { readonly search: string } | { readonly scroll: number }) {
  return page.evaluate(async (what) => {
    const painted = () =>
      new Promise<void>((resolve) =>
        requestAnimationFrame(() => {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => resolve();
          channel.port2.postMessage(0);
        }),
      );
    await painted();
    const begun = performance.now();
    if ("search" in what) {
      const search = document.getElementById("search") as HTMLInputElement;
      search.value = what.search;
      search.dispatchEvent(new Event("input"));
    } else window.scrollTo(0, what.scroll);
    await painted();
    return performance.now() - begun;
  }, action);
}
