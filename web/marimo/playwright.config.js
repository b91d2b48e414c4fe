// marimo's own editor, with hozon in its kernel and on its page.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  outputDir: "../results",
  forbidOnly: true,
  // A server, three kernels and an editor are started.
  timeout: 150_000,
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: "list",
  use: {
    viewport: { width: 1100, height: 900 },
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" },
  },
});
