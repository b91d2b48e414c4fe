// Each test runs at two widths, light and dark, in the Chromium that the system has.
import { defineConfig } from "@playwright/test";

const desktop = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const project = (name, size, colorScheme) => ({ name, use: { ...size, colorScheme } });

export default defineConfig({
  testDir: "tests",
  outputDir: "results",
  fullyParallel: true,
  forbidOnly: true,
  // Slow machines have much to do.
  timeout: 60_000,
  workers: 2,
  reporter: "list",
  use: { launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" } },
  projects: [
    project("desktop-light", desktop, "light"),
    project("desktop-dark", desktop, "dark"),
    project("phone-light", phone, "light"),
    project("phone-dark", phone, "dark"),
  ],
});
