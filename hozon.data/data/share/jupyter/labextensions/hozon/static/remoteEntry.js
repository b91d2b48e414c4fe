// What JupyterLab loads: a container of module federation, written by hand. The rest stands in badges.js.
(() => {
  const base = document.currentScript.src;
  let shared;

  // A module of JupyterLab's own.
  async function moduleOfLab(name) {
    const [version] = Object.values(shared[name]);
    const factory = await version.get();
    return factory();
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB.hozon = {
    init(scope) {
      shared = scope;
    },
    async get() {
      const [{ INotebookTracker }, { activate }] = await Promise.all([
        moduleOfLab("@jupyterlab/notebook"),
        import(new URL("badges.js", base)),
      ]);
      const plugin = {
        id: "hozon:badges",
        description: "Shows what hozon restored, what ran and why, and what is stale.",
        autoStart: true,
        requires: [INotebookTracker],
        activate: (_app, tracker) => activate(tracker, new URL("badges.css", base)),
      };
      return () => ({ default: plugin, __esModule: true });
    },
  };
})();
