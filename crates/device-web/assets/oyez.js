"use strict";
// What moves on the pages. Everything else works without it.

// The live status: the server says when something has changed, and the part is fetched anew.
const live = document.querySelector("[data-changes]");
if (live) {
  const source = new EventSource(live.dataset.changes);
  let waiting = false;
  source.onmessage = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; htmx.trigger(live, "refresh"); }, 100);
  };
  // The level, from -60 dB to full scale.
  const meter = document.getElementById("level");
  source.addEventListener("level", (told) => {
    const silent = told.data === "silent";
    const level = silent ? -60 : Number(told.data);
    const text = silent ? "silent" : level + " dB";
    meter.setAttribute("aria-valuenow", String(level));
    meter.setAttribute("aria-valuetext", text);
    meter.firstElementChild.style.width = (level + 60) / 0.6 + "%";
    document.getElementById("level-text").textContent = text;
  });
}

// A secret is fetched when somebody asks for it, and hidden again by the same button.
for (const button of document.querySelectorAll("button.reveal")) {
  const offer = (word) => {
    button.textContent = word;
    button.ariaLabel = `${word} ${button.dataset.name}`;
  };
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.key);
    if (!field.classList.contains("secret")) {
      field.classList.add("secret");
      offer("Show");
      return;
    }
    if (field.value === "********") {
      const csrf = document.querySelector("input[name=csrf]").value;
      const body = new URLSearchParams({ csrf, key: button.dataset.key });
      const answer = await fetch("/reveal", { method: "POST", body });
      if (!answer.ok || answer.redirected) return;
      field.value = await answer.text();
    }
    field.classList.remove("secret");
    offer("Hide");
  });
}

// The server writes moments in UTC; they are shown in the time zone that is set, by its name, else in that of whoever looks.
const inZone = (timeZone) => new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZone, timeZoneName: timeZone && "short",
});
let clock;
try {
  clock = inZone(document.documentElement.dataset.zone);
} catch {
  // There is no zone of this name.
  clock = inZone(undefined);
}
for (const time of document.querySelectorAll("time[datetime]")) {
  time.textContent = clock.format(new Date(time.dateTime));
}

// Listening: the browser plays what the loudspeaker plays, about a second later.
const listen = document.getElementById("listen");
if (listen) {
  const sound = new Audio();
  sound.id = "listening";
  document.body.append(sound);
  listen.addEventListener("click", () => {
    const begins = listen.getAttribute("aria-pressed") === "false";
    listen.setAttribute("aria-pressed", String(begins));
    listen.textContent = begins ? "Stop listening" : "Listen here";
    if (begins) {
      sound.src = listen.dataset.sound + "?" + Date.now();
      sound.play();
    } else {
      sound.removeAttribute("src");
      sound.load();
    }
  });
}
