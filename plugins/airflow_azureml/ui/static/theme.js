// Light or dark as Airflow is, which keeps its choice in its page and in the browser's storage.
"use strict";

(() => {
  const root = document.documentElement;

  function frame() {
    try {
      return window.parent !== window ? window.parent.document.documentElement : null;
    } catch {
      return null; // another site's frame, which is refused elsewhere
    }
  }

  function chosen(airflow) {
    for (const theme of ["dark", "light"]) if (airflow?.classList.contains(theme)) return theme;
    try {
      const kept = localStorage.getItem("theme");
      return kept === "dark" || kept === "light" ? kept : null;
    } catch {
      return null;
    }
  }

  function apply(airflow) {
    const theme = chosen(airflow);
    if (theme === null) delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  const airflow = frame();
  if (airflow !== null) {
    root.dataset.embedded = "";
    new MutationObserver(() => apply(airflow)).observe(airflow, { attributes: true, attributeFilter: ["class"] });
  }
  window.addEventListener("storage", () => apply(airflow));
  apply(airflow);
})();
