// A server of JupyterLab or Notebook for each worker, with nothing of the person's own settings, and notebooks in a folder
// of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { test as base } from "@playwright/test";

const PYTHON = path.resolve(process.env.PYTHON ?? "../.venv/bin/python");
const TOKEN = "for-tests";

// By the module that is started: its class of settings, and where a notebook is. In JupyterLab, each is opened
// in a workspace of its own: what another test has left open would be opened with it.
const APPLICATIONS = {
  jupyterlab: { name: "LabApp", place: (name) => `lab/workspaces/${path.parse(name).name}/tree/${name}` },
  notebook: { name: "JupyterNotebookApp", place: (name) => `notebooks/${name}` },
};

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

class Server {
  constructor(application) {
    this.application = application;
  }

  async start() {
    const { name } = APPLICATIONS[this.application];
    this.folder = mkdtempSync(path.join(tmpdir(), "hozon-lab-"));
    this.notebooks = path.join(this.folder, "notebooks");
    mkdirSync(this.notebooks);
    writeFileSync(path.join(this.notebooks, "pyproject.toml"), "[project]\nname = 'example'\n");
    this.address = `http://127.0.0.1:${await freePort()}`;
    const own = (name) => path.join(this.folder, name);
    const settings = {
      HOME: this.folder,
      HOZON_HOME: own("hozon"),
      JUPYTER_CONFIG_DIR: own("config"),
      JUPYTER_DATA_DIR: own("data"),
      JUPYTER_RUNTIME_DIR: own("runtime"),
      JUPYTERLAB_WORKSPACES_DIR: own("workspaces"),
      JUPYTERLAB_SETTINGS_DIR: own("settings"),
      IPYTHONDIR: own("ipython"),
    };
    const options = [
      "--no-browser",
      `--ServerApp.port=${new URL(this.address).port}`,
      `--IdentityProvider.token=${TOKEN}`,
      "--ServerApp.allow_root=True",
      `--${name}.expose_app_in_browser=True`,
    ];
    this.log = "";
    this.server = spawn(PYTHON, ["-m", this.application, ...options], {
      cwd: this.notebooks,
      env: { ...process.env, ...settings },
    });
    for (const stream of [this.server.stdout, this.server.stderr]) {
      stream.on("data", (data) => (this.log += data));
    }
    await this.answers();
  }

  async answers() {
    for (;;) {
      if (this.server.exitCode !== null) throw new Error(`The server has ended:\n${this.log}`);
      const reply = await fetch(`${this.address}/api/status?token=${TOKEN}`).catch(() => undefined);
      if (reply?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stop() {
    this.server.kill();
    if (this.server.exitCode === null) await once(this.server, "exit");
    rmSync(this.folder, { recursive: true, force: true });
  }

  write(name, sources) {
    const cells = sources.map((source, number) => ({
      cell_type: "code",
      id: `cell-${number}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    const kernelspec = { name: "python3", display_name: "Python 3", language: "python" };
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
    writeFileSync(path.join(this.notebooks, name), JSON.stringify(notebook));
  }

  read(name) {
    return readFileSync(path.join(this.notebooks, name), "utf-8");
  }

  url(name) {
    return `${this.address}/${APPLICATIONS[this.application].place(name)}?token=${TOKEN}`;
  }
}

/** A notebook that is open in the page. */
export class OpenNotebook {
  constructor(page, server, name, title) {
    Object.assign(this, { page, server, name, title });
  }

  cell(number) {
    return this.page.locator(".jp-Notebook .jp-CodeCell").nth(number);
  }

  badge(number) {
    return this.cell(number).locator(".hozon-label");
  }

  explanation(number) {
    return this.cell(number).locator(".hozon-explanation");
  }

  command(name, options = {}) {
    return this.page.evaluate(([name, options]) => window.jupyterapp.commands.execute(name, options), [name, options]);
  }

  /** Changes settings of one of JupyterLab's extensions. */
  set(extension, settings) {
    const save = ([extension, text]) => window.jupyterapp.serviceManager.settings.save(extension, text);
    return this.page.evaluate(save, [extension, JSON.stringify(settings)]);
  }

  runAll() {
    return this.command("notebook:run-all-cells");
  }

  async isReady() {
    await this.cell(0).waitFor();
    await this.page.waitForFunction(
      () => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle",
    );
    await this.page.evaluate(async () => {
      const { revealed, sessionContext } = window.jupyterapp.shell.currentWidget;
      await Promise.all([revealed, sessionContext.ready]);
    });
  }

  async reload() {
    await this.page.reload();
    await this.isReady();
  }

  /** Runs one cell. */
  async run(number) {
    await this.cell(number).locator(".jp-InputPrompt").click();
    await this.command("notebook:run-cell");
  }

  async restart() {
    await this.page.evaluate(() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel());
  }

  /** Types a text in the place of a cell's. */
  async type(number, text) {
    await this.cell(number).locator(".cm-content").click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.insertText(text);
  }

  /** The cell that has a text. */
  cellOf(text) {
    return this.page.locator(".jp-Notebook .jp-CodeCell", { hasText: text });
  }

  /** Calls a function with the notebook's widget, in the page. */
  evaluate(call, argument) {
    const code = `(${call})(window.jupyterapp.shell.currentWidget.content, ${JSON.stringify(argument)})`;
    return this.page.evaluate(`void ${code}`);
  }

  /** For people to look at, where SCREENSHOTS names a folder. */
  async screenshot(name) {
    const folder = process.env.SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: path.join(folder, `${this.title}-${name}.png`) });
  }

  async save() {
    await this.command("docmanager:save");
    return this.server.read(this.name);
  }
}

export const test = base.extend({
  theme: ["JupyterLab Light", { option: true }],

  application: ["jupyterlab", { option: true, scope: "worker" }],

  server: [
    async ({ application }, use) => {
      const server = new Server(application);
      await server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  // What the page complains of, as far as it has to do with hozon.
  complaints: async ({ page }, use) => {
    const complaints = [];
    const note = (text) => /hozon|comm\b/i.test(text) && complaints.push(text);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(message.text()));
    page.on("pageerror", (error) => note(`${error.message}\n${error.stack}`));
    await use(complaints);
  },

  // Opens a notebook of some cells, in the theme of the project.
  open: async ({ page, server, theme, complaints }, use, info) => {
    await use(async (...sources) => {
      const name = `${info.testId}.ipynb`;
      server.write(name, sources);
      await page.goto(server.url(name));
      const notebook = new OpenNotebook(page, server, name, info.project.name);
      await notebook.isReady();
      await notebook.command("apputils:change-theme", { theme });
      return notebook;
    });
    for (const complaint of complaints) throw new Error(complaint);
  },
});
