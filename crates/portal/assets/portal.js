"use strict";
// What moves on the pages. Everything else works without it.

// A live part: the server says when something may have changed, and the part is fetched anew.
for (const live of document.querySelectorAll("[data-changes]")) {
  const source = new EventSource(live.dataset.changes);
  let waiting = false;
  source.onmessage = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      const answer = await fetch(live.dataset.live);
      if (answer.redirected) location.reload();
      else if (answer.ok) live.innerHTML = await answer.text();
    }, 100);
  };
}
