"use strict";
// What moves on the pages. Everything else works without it.

// A live part: the server says when something may have changed, and the part is fetched anew.
for (const live of document.querySelectorAll("[data-changes]")) {
  let source = null;
  let waiting = false;
  const fetchAnew = async () => {
    waiting = false;
    const answer = await fetch(live.dataset.live);
    if (answer.redirected) location.reload();
    else if (answer.ok) live.innerHTML = await answer.text();
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
