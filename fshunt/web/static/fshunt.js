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
      if (count) count.textContent = shown ? count.dataset.template.replace("{count}", String(shown)) : count.dataset.none;
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

(function suggest() {
  // A combobox: while a person types, the server is asked whom they may mean; Enter takes the one that is marked.
  const pauseMs = 200;
  for (const field of document.querySelectorAll("input[data-suggest]")) {
    const list = document.getElementById(field.dataset.list);
    const count = document.getElementById(`${field.dataset.list}-count`);
    let timer = 0;
    let asked = 0;
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "false");
    const options = () => [...list.querySelectorAll('[role="option"]:not([aria-disabled])')];
    const marked = () => list.querySelector('[aria-selected="true"]');
    const mark = (option) => {
      if (marked()) marked().setAttribute("aria-selected", "false");
      field.removeAttribute("aria-activedescendant");
      if (!option) return;
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", option.id);
    };
    const close = () => {
      list.hidden = true;
      field.setAttribute("aria-expanded", "false");
      mark(null);
    };
    const take = (option) => {
      field.value = option.dataset.value;
      close();
      const known = document.createElement("input");
      Object.assign(known, { type: "hidden", name: "anyway", value: "yes" });
      field.form.append(known);
      field.form.requestSubmit();
    };
    const ask = async () => {
      const mine = ++asked;
      const text = field.value.trim();
      if (!text) return close();
      try {
        const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(text)}`, { redirect: "error" });
        if (!answer.ok || mine !== asked) return undefined;
        list.innerHTML = await answer.text();
      } catch {
        return close(); // The server is away: what is typed is sent as it is.
      }
      const many = list.children.length;
      list.hidden = many === 0;
      field.setAttribute("aria-expanded", String(many > 0));
      field.removeAttribute("aria-activedescendant");
      count.textContent = count.dataset.template.replace("{count}", String(many));
      return undefined;
    };
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, pauseMs);
    });
    field.addEventListener("keydown", (event) => {
      const all = options();
      const at = all.indexOf(marked());
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (list.hidden || !all.length) return;
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        mark(all[(at < 0 && step < 0 ? all.length - 1 : at + step + all.length) % all.length]);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        close();
      } else if (event.key === "Enter" && at >= 0) {
        event.preventDefault();
        take(all[at]);
      }
    });
    field.addEventListener("blur", () => { clearTimeout(timer); asked += 1; close(); });
    // The press comes before the field loses the focus.
    list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest('[role="option"]:not([aria-disabled])');
      event.preventDefault();
      if (option) take(option);
    });
  }
})();

(function lookAtNumbers() {
  // What the database and the switch know of a number is asked for while a person types it.
  const pauseMs = 500;
  for (const field of document.querySelectorAll("input[data-look]")) {
    const shown = document.getElementById(field.dataset.lookAt);
    const other = field.form.elements[field.dataset.lookWith];
    const first = field.value;
    let timer = 0;
    let asked = 0;
    const look = async () => {
      const mine = ++asked;
      const address = new URL(field.dataset.look, location.href);
      address.searchParams.set("pilot", field.value.trim());
      if (other) address.searchParams.set("domain", other.value.trim());
      try {
        const answer = field.value === first && !other ? null : await fetch(address, { redirect: "error" });
        if (mine === asked) shown.innerHTML = answer && answer.ok ? await answer.text() : "";
      } catch {
        shown.textContent = ""; // The server is away: the form says what is wrong.
      }
    };
    for (const each of [field, other]) {
      if (each) each.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, pauseMs); });
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
  // A part of the page that changes by itself is fetched when the stream of events says that it has changed; each
  // second where there is no stream. Nobody watches while nobody can see the page.
  const pollMs = 1000, leastMs = 300, silentMs = 12000, againMs = 30000, oldMs = 5000;

  const watch = (part) => {
    const note = part.parentElement.querySelector("[data-live-note]");
    let source = null, heardAt = 0, pollAt = 0, streamAt = 0;
    let shown = null, shownAt = Date.now(), busy = false, due = false, over = false;

    const say = (text) => {
      if (!note || note.textContent === text) return;
      note.textContent = text;
      note.hidden = !text;
    };
    const stop = () => {
      if (source) source.close();
      source = null;
    };
    const end = (text) => {
      over = true;
      stop();
      say(text);
    };
    const renew = async () => {
      due = true;
      if (busy || over) return;
      busy = true;
      while (due && !over) {
        due = false;
        try {
          const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
          if (answer.status === 401) end(part.dataset.ended);
          else if (answer.status === 404) end(part.dataset.gone);
          else if (answer.ok) {
            const text = await answer.text();
            if (text !== shown) part.innerHTML = text;
            shown = text;
            shownAt = Date.now();
            tick(part);
          }
        } catch {
          // The network or the server is away: the next time may be better.
        }
        await new Promise((done) => setTimeout(done, leastMs));
      }
      busy = false;
    };
    const listen = () => {
      source = new EventSource(part.dataset.events);
      heardAt = Date.now();
      const heard = (event) => {
        heardAt = Date.now();
        if (event.type === "beat") shownAt = heardAt;
      };
      for (const name of ["open", "now", "gone", "call", "beat"]) source.addEventListener(name, heard);
      for (const name of ["now", "gone"]) source.addEventListener(name, renew);
      source.addEventListener("error", () => {
        // A browser connects again by itself, but not after an answer such as 401 or 503.
        if (source && source.readyState === EventSource.CLOSED) stop();
      });
    };
    setInterval(() => {
      if (document.hidden || over) return stop();
      const now = Date.now();
      tick(part);
      if (source && now - heardAt > silentMs) stop(); // a proxy holds the events back
      if (!source && part.dataset.events && now >= streamAt) {
        streamAt = now + againMs;
        listen();
      }
      if ((!source || source.readyState !== EventSource.OPEN) && now >= pollAt) {
        pollAt = now + pollMs;
        renew();
      }
      const at = new Date(shownAt).toLocaleTimeString(document.documentElement.lang);
      say(now - shownAt > (source ? silentMs : oldMs) ? part.dataset.old.replace("{time}", at) : "");
    }, 500);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return stop();
      shownAt = Date.now();
      streamAt = 0;
      renew();
    });
    window.addEventListener("pagehide", stop);
  };

  const tick = (part) => {
    // Lengths of time go on between two answers. The reader's clock may be another than the server's.
    const stamp = part.querySelector("[data-at]");
    if (!stamp) return;
    if (!stamp.dataset.skew) stamp.dataset.skew = String(Date.now() - Date.parse(stamp.dataset.at));
    const now = Date.now() - Number(stamp.dataset.skew);
    for (const time of part.querySelectorAll("time[data-ticks]")) {
      const text = lengthOf(Math.max(0, Math.floor((now - Date.parse(time.dateTime)) / 1000)), part.dataset.hours);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  for (const part of document.querySelectorAll("[data-live]")) watch(part);
})();

function lengthOf(seconds, hours) {
  // As the server writes it: 3:10, and from an hour on in hours.
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
  return hours.replace("{hours}", String(Math.floor(minutes / 60))).replace("{minutes}", String(minutes % 60));
}
