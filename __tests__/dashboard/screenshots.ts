// Makes the pictures of docs/phase3-observability.md: npx tsx __tests__/dashboard/screenshots.ts [FOLDER]
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { closeAll, Served } from "../../receiver/src/http/test-server";
import { launch, open } from "./browser";
import { simulate } from "./simulated-fleet";

const FOLDER = process.argv[2] ?? "docs/images";
const PICTURES: readonly (readonly [name: string, path: string, looks: BrowserContextOptions])[] = [
  ["dashboard-fleet", "/", { viewport: { width: 1440, height: 960 } }],
  ["dashboard-vm", "/#/vms/prod/edge-01", { viewport: { width: 1440, height: 1080 }, colorScheme: "dark" }],
];

async function main(): Promise<void> {
  const served = await Served.open();
  await simulate(served.engine, served.clock, Date.parse("2026-01-05T09:30:00Z"));
  await served.post('{"test":"data"}', {});
  const browser = await launch();
  for (const [name, path, looks] of PICTURES) {
    const { page } = await open(browser, served.base + path, looks);
    await page.getByText(name === "dashboard-vm" ? "Conditions" : "The last hour").waitFor();
    await page.locator("#changes li, #vm .timeline li").first().waitFor({ state: "attached" });
    await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  }
  await browser.close();
  await closeAll();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
