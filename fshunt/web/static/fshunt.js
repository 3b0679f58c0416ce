// Small things that a page can do without: everything works without this file.
"use strict";

(function rememberTimeZone() {
  // Times of the first page are in the server's zone, those of the next in the reader's.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || !/^[A-Za-z0-9_+/-]{1,64}$/.test(zone)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const cookie = `fshunt-zone=${zone}`;
  if (!document.cookie.split("; ").includes(cookie)) {
    document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  }
})();

(function refuseDoubleClicks() {
  // A second click on a button that saves would send the form twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
  });
  // The back button shows the page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();

(function filterRows() {
  // A search field filters its table while a person types; Enter asks the server, as it does without this script.
  for (const field of document.querySelectorAll("input[data-filters]")) {
    const table = document.getElementById(field.dataset.filters);
    const count = document.getElementById(`${field.dataset.filters}-count`);
    if (!table) continue;
    const rows = [...table.querySelectorAll("tbody tr")];
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.dataset.words || row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      if (count) count.textContent = count.dataset.template.replace("{count}", String(shown));
    });
  }
})();

(function dragMembers() {
  // A row is dropped where another one is: the same form is sent as by "move to position".
  for (const list of document.querySelectorAll("[data-drag]")) {
    const rows = [...list.children];
    let dragged = null;
    const unmark = () => rows.forEach((row) => row.classList.remove("over", "over-end", "dragged"));
    for (const row of rows) {
      const handle = row.querySelector(".row");
      // Only the head of a row drags it: in the inputs below it, text is selected.
      handle.addEventListener("pointerdown", (event) => {
        row.draggable = event.pointerType === "mouse" && !event.target.closest("button");
      });
      row.addEventListener("dragstart", (event) => {
        dragged = row;
        row.classList.add("dragged");
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", row.dataset.extension);
      });
      row.addEventListener("dragend", () => {
        row.draggable = false;
        dragged = null;
        unmark();
      });
      row.addEventListener("dragover", (event) => {
        if (!dragged || dragged === row) return;
        event.preventDefault();
        rows.forEach((each) => each.classList.remove("over", "over-end"));
        row.classList.add(rows.indexOf(dragged) < rows.indexOf(row) ? "over-end" : "over");
      });
      row.addEventListener("drop", (event) => {
        if (!dragged || dragged === row) return;
        event.preventDefault();
        const form = dragged.querySelector("form[data-move]");
        form.elements.position.value = String(rows.indexOf(row) + 1);
        form.requestSubmit();
      });
    }
  }
})();

(function previewText() {
  // What a phone will show, while a person types.
  for (const field of document.querySelectorAll("input[data-preview]")) {
    const shown = document.getElementById(field.dataset.preview);
    field.addEventListener("input", () => { shown.textContent = field.value; });
  }
})();

(function renewLiveParts() {
  // A part of the page that changes by itself is fetched again each second, while somebody can see it.
  const everyMs = 1000;
  for (const part of document.querySelectorAll("[data-live]")) {
    let shown = null;
    const renew = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
          if (answer.status === 401 || answer.status === 404) return;
          const text = answer.ok ? await answer.text() : shown;
          if (text !== shown) part.innerHTML = text;
          shown = text;
        } catch {
          // The network or the server is away: the next time may be better.
        }
      }
      setTimeout(renew, everyMs);
    };
    setTimeout(renew, everyMs);
  }
})();
