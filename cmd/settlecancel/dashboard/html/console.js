// What our pages do by themselves where a browser runs scripts: the overview reads itself again, and
// a list ticks all its rows at once. Everything works without it.
"use strict";

(() => {
  const every = 15_000;
  const main = document.querySelector("main[data-live]");

  // busy tells whether somebody types, chooses or reads a detail that a new page would take away.
  const busy = () => {
    const at = document.activeElement;
    const selection = document.getSelection();
    return (at && at !== document.body) || (selection && !selection.isCollapsed) || document.querySelector("main details[open]");
  };

  const refresh = async () => {
    if (document.hidden || busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["main", ".now"]) {
        const [now, next] = [document.querySelector(part), page.querySelector(part)];
        if (now && next && !busy()) now.replaceWith(document.adoptNode(next));
      }
    } catch {
      location.reload(); // the browser says best that the server is away
    }
  };
  if (main) setInterval(refresh, every);

  for (const all of document.querySelectorAll("input[data-all]")) {
    const boxes = () => all.form.querySelectorAll('input[name="key"]');
    all.hidden = false;
    all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; });
  }
})();
