// What our pages do by themselves where a browser runs scripts: the overview reads itself again, and
// a list ticks all its rows at once. Everything works without it.
"use strict";

(() => {
  const every = 15_000;
  const live = document.querySelector("main[data-live]");
  const parts = ["main", ".now", "footer"];

  // busy tells whether somebody types, chooses or reads what a new page would take away.
  const busy = () => {
    const at = document.activeElement;
    const selection = document.getSelection();
    return at?.matches("input, select, textarea") || (at && at !== live && parts.some((part) => at.closest(part))) ||
      (selection && !selection.isCollapsed) || document.querySelector("main details[open]");
  };

  // stale says that the page stands as it was, until it can be read again.
  const stale = () => {
    if (document.querySelector(".now .stale")) return;
    const item = document.createElement("li");
    item.className = "bad stale";
    item.textContent = live.dataset.stale;
    document.querySelector(".now ul").prepend(item);
  };

  const refresh = async () => {
    if (document.hidden || busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = parts.map((part) => page.querySelector(part));
      if (next.includes(null)) return stale();
      if (busy()) return;
      parts.forEach((part, n) => document.querySelector(part).replaceChildren(...next[n].childNodes));
      live.dataset.stale = next[0].dataset.stale ?? live.dataset.stale;
    } catch {
      stale();
    }
  };
  if (live) setInterval(refresh, every);

  for (const all of document.querySelectorAll("input[data-all]")) {
    const boxes = () => all.form.querySelectorAll('input[name="key"]');
    all.hidden = false;
    all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; });
  }
})();
