// Shows at each cell of marimo's page what came of it. Texts are only ever shown as text.
(() => {
  const EVERY = 1000;
  const file = new URLSearchParams(location.search).get("file");
  const address = "./_hozon/cells" + (file === null ? "" : "?file=" + encodeURIComponent(file));

  const seconds = (taken) => (taken < 0.0995 ? `${Math.max(1, Math.round(taken * 1000))} ms` : `${taken.toFixed(1)} s`);

  const words = ({ state, seconds: taken, why }) => {
    const reasons = why.length ? ": " + why.join("; ") : "";
    if (state === "restored") return `restored · ${seconds(taken)} saved`;
    return (state === "stored" ? "ran" : "ran, not stored") + reasons;
  };

  const badge = (cell) => {
    const made = document.createElement("div");
    made.className = "hozon-badge";
    made.setAttribute("role", "note");
    made.style.cssText =
      "font: 11px/1.6 ui-monospace, monospace; padding: 0 8px; opacity: 0.75; overflow: hidden; " +
      "text-overflow: ellipsis; white-space: nowrap;";
    cell.append(made);
    return made;
  };

  const show = (told) => {
    for (const shown of document.querySelectorAll(".hozon-badge")) {
      if (!(shown.dataset.cell in told)) shown.remove();
    }
    for (const [id, one] of Object.entries(told)) {
      const cell = document.getElementById("cell-" + id);
      if (cell === null) continue;
      const shown = cell.querySelector(":scope > .hozon-badge") ?? badge(cell);
      const text = words(one);
      if (shown.textContent === text) continue;
      shown.dataset.cell = id;
      shown.dataset.state = one.state;
      shown.textContent = text;
      shown.title = text;
    }
  };

  const look = async () => {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(address, { credentials: "same-origin" });
        if (answer.ok) show(await answer.json());
      } catch {
        // The server is gone, or is being started again.
      }
    }
    setTimeout(look, EVERY);
  };
  look();
})();
