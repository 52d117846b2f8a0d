"use strict";
// What moves on the pages. Everything else works without it.

// The server writes moments in UTC, in sentences as in tables; they are shown in the time zone of whoever looks, and UTC when pointed at.
const MOMENT = /\d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} UTC/g;
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const timeOf = (written) => {
  const time = document.createElement("time");
  const moment = new Date(written);
  time.dateTime = moment.toISOString();
  time.title = written;
  time.textContent = CLOCK.format(moment).replace(",", "");
  return time;
};
const localize = (part) => {
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest("time, textarea, script, pre, code")) continue;
    const written = text.data.match(MOMENT) ?? [];
    const between = text.data.split(MOMENT);
    if (written.length > 0) text.replaceWith(...between.flatMap((words, place) => (
      place < written.length ? [words, timeOf(written[place])] : [words])));
  }
};
localize(document.querySelector("main"));

// Every time zone that the browser knows is offered where a few are.
const zones = document.getElementById("time_zone-list");
if (zones && Intl.supportedValuesOf) {
  const names = new Set([...Intl.supportedValuesOf("timeZone"), "UTC"]);
  zones.replaceChildren(...[...names].map((zone) => new Option("", zone)));
}

// A day is one of the clock of whoever looks: by how many minutes UTC is before it where the day begins and where it ends.
for (const days of document.querySelectorAll("form[data-days]")) {
  days.addEventListener("submit", () => {
    const [year, month, day] = days.elements.day.value.split("-").map(Number);
    const away = (later) => (day ? new Date(year, month - 1, day + later).getTimezoneOffset() : "");
    days.elements.begins.value = away(0);
    days.elements.ends.value = away(1);
  });
}

// A live part: the server says when something may have changed, and the part is fetched anew.
for (const live of document.querySelectorAll("[data-changes]")) {
  let source = null;
  let waiting = false;
  const fetchAnew = async () => {
    waiting = false;
    const answer = await fetch(live.dataset.live);
    if (answer.redirected) location.reload();
    else if (answer.ok) {
      live.innerHTML = await answer.text();
      localize(live);
    }
  };
  const open = () => {
    const stream = new EventSource(live.dataset.changes);
    source = stream;
    stream.onmessage = () => {
      if (waiting) return;
      waiting = true;
      setTimeout(fetchAnew, 100);
    };
    // The browser tries again by itself, except after an answer that is no stream: the session has ended.
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      setTimeout(() => source === stream && location.reload(), 5000);
    };
  };
  const close = () => {
    source?.close();
    source = null;
  };
  // A browser has few connections to one server: pages that nobody sees keep none.
  const follow = () => {
    if (document.hidden) close();
    else if (source === null) open();
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
