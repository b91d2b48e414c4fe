// JupyterLab and Notebook with hozon's badges, in the Chromium that the system has. PYTHON has both installed.
import { defineConfig } from "@playwright/test";

const project = (name, options) => ({ name, use: { viewport: { width: 1280, height: 900 }, ...options } });

export default defineConfig({
  testDir: "lab",
  outputDir: "results",
  forbidOnly: true,
  // Servers and kernels start slowly on slow machines.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  workers: 1,
  reporter: "list",
  use: { launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" } },
  projects: [
    project("lab", { application: "jupyterlab", theme: "JupyterLab Light" }),
    { ...project("lab-dark", { application: "jupyterlab", theme: "JupyterLab Dark" }), grep: /what came of a cell/ },
    { ...project("notebook", { application: "notebook", theme: "JupyterLab Light" }), grep: /what came of a cell/ },
  ],
});
