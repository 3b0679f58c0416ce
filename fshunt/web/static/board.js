// Keeps a board right for weeks: figures come as events, the line is made anew when it breaks, and what is old says so.
"use strict";

(function board() {
  const body = document.body, words = body.dataset;
  if (!words.events) return;
  const oldMs = 12000, againMs = 5000, unwatchedMs = 3000, longSeconds = 60, fewMembers = 12, manyMembers = 24;
  const notice = document.querySelector("[data-notice]"), clock = document.querySelector("[data-clock]");
  const callers = document.querySelector(".callers"), wait = document.querySelector("[data-wait]");
  const list = document.querySelector(".members"), template = document.getElementById("member");
  const kindWords = {};
  for (const each of document.querySelectorAll(".kinds [data-kind]")) {
    kindWords[each.dataset.kind] = each.querySelector("dt").textContent;
  }
  let source = null, openedAt = 0, againAt = 0, freshAt = Date.now(), unwatchedAt = notice.hidden ? 0 : Date.now(), trouble = false, ended = false;
  let skew = Date.now() - Date.parse(words.at); // this screen's clock may be another than the server's

  // The hours of the screen's own region, where it speaks the language of the page.
  const lang = document.documentElement.lang;
  const region = navigator.languages.find((each) => each.split("-")[0] === lang.split("-")[0]) || lang;
  const timeOf = (at) => new Date(at).toLocaleTimeString(region, { timeStyle: "short" });

  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const lengthSince = (since) => {
    const seconds = Math.max(0, Math.floor((Date.now() - skew - Date.parse(since)) / 1000));
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
    return words.hours.replace("{hours}", String(Math.floor(minutes / 60))).replace("{minutes}", String(minutes % 60));
  };

  const showFigures = (figures) => {
    for (const each of document.querySelectorAll("[data-figure]")) {
      const value = figures[each.dataset.figure];
      put(each, value === null ? "–" : `${value}${each.dataset.unit || ""}`);
      each.classList.toggle("none", value === 0);
    }
    for (const each of document.querySelectorAll(".kinds [data-kind]")) {
      each.classList.toggle("none", figures[each.dataset.kind] === 0);
    }
    put(document.querySelector('[data-text="group_name"]'), figures.group_name || figures.pilot);
    put(document.querySelector('[data-text="pilot"]'), figures.group_name ? figures.pilot : "");
    const door = document.querySelector("[data-door]");
    door.dataset.door = figures.closed ? "closed" : "open";
    put(door, figures.closed ? words.closed : words.open);
    wait.dataset.wait = figures.waiting_since || "";
    unwatchedAt = figures.watched ? 0 : unwatchedAt || Date.now();
  };

  const showMembers = (members) => {
    // Rows are kept and only written anew, so that nothing piles up.
    for (const more of list.querySelectorAll(".more")) more.remove();
    while (list.children.length > members.length) list.lastElementChild.remove();
    while (list.children.length < members.length) list.append(template.content.cloneNode(true));
    members.forEach((member, index) => {
      const row = list.children[index];
      row.hidden = false;
      if (row.dataset.kind !== member.kind) row.dataset.kind = member.kind;
      put(row.querySelector(".who"), member.shown);
      put(row.querySelector(".what"), kindWords[member.kind] || "");
      row.querySelector("time").dataset.since = member.since || "";
    });
    fit();
  };

  const fit = () => {
    // On a wall nobody scrolls: what does not fit is counted.
    for (const more of list.querySelectorAll(".more")) more.remove();
    const rows = [...list.children];
    rows.forEach((row) => { row.hidden = false; });
    list.classList.toggle("few", rows.length <= fewMembers);
    list.classList.toggle("many", rows.length > manyMembers);
    if (getComputedStyle(list).overflowY !== "hidden" || list.scrollHeight <= list.clientHeight + 1) return;
    const more = document.createElement("li");
    more.className = "more";
    list.append(more);
    let left = rows.length;
    while (left > 0 && list.scrollHeight > list.clientHeight + 1) {
      left -= 1;
      rows[left].hidden = true;
      more.textContent = words.more.replace("{count}", String(rows.length - left));
    }
  };

  const say = () => {
    const at = timeOf(freshAt);
    const old = Date.now() - freshAt > oldMs;
    // A daemon begins to watch when a first screen looks: that moment is nothing to warn of.
    const unwatched = unwatchedAt > 0 && Date.now() - unwatchedAt > unwatchedMs;
    const text = old ? (trouble ? words.trouble : words.old).replace("{time}", at) : unwatched ? words.unwatched : "";
    put(notice, text);
    notice.hidden = !text;
    body.classList.toggle("old", old);
  };

  const tick = () => {
    put(clock, timeOf(Date.now()));
    const since = wait.dataset.wait, text = since ? lengthSince(since) : "0:00";
    put(wait, text);
    wait.classList.toggle("long", text.length > 6);
    const level = !since ? "calm" : Date.now() - skew - Date.parse(since) > longSeconds * 1000 ? "long" : "waits";
    if (callers.dataset.level !== level) callers.dataset.level = level;
    for (const time of list.querySelectorAll("time")) put(time, time.dataset.since ? lengthSince(time.dataset.since) : "");
    say();
  };

  const fresh = (at) => {
    freshAt = Date.now();
    trouble = false;
    if (at) skew = Date.now() - Date.parse(at);
  };

  const look = async () => {
    // An address that was revoked answers 404, with words for whoever stands before the screen.
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      if (answer.status !== 404) return;
      ended = true;
      location.reload();
    } catch {
      // No connection: the notice says so already.
    }
  };

  const listen = () => {
    source = new EventSource(words.events);
    openedAt = Date.now();
    source.addEventListener("board", (event) => {
      const value = JSON.parse(event.data);
      if (value.version !== words.version) {
        location.reload();
        return;
      }
      fresh(value.at);
      showFigures(value.figures);
      showMembers(value.members);
      tick();
    });
    source.addEventListener("beat", (event) => fresh(JSON.parse(event.data).beat.at));
    source.addEventListener("trouble", () => { trouble = true; });
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) {
        stop();
        look();
      }
    });
  };

  const stop = () => {
    if (source) source.close();
    source = null;
    againAt = Date.now() + againMs;
  };

  setInterval(() => {
    tick();
    if (ended) return;
    if (document.hidden) {
      if (source) stop();
      return;
    }
    if (source && Date.now() - Math.max(freshAt, openedAt) > 4 * oldMs) stop(); // it hangs: a new line
    if (!source && Date.now() >= againAt) {
      againAt = Date.now() + againMs;
      listen();
    }
  }, 500);

  let lock = null;
  const keepAwake = async () => {
    try {
      if (!document.hidden && navigator.wakeLock) lock = await navigator.wakeLock.request("screen");
    } catch {
      lock = null; // the screen's own settings decide
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    againAt = 0;
    keepAwake();
  });
  window.addEventListener("resize", fit);
  fit();
  tick();
  keepAwake();
})();
