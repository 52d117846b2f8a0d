"use strict";
// Speaks to an extension: the microphone, a file, or a text, over a WebSocket that also tells what becomes of it.

const RATE = 16000;
// Sound that may wait in the browser, in octets: half a second.
const AHEAD = RATE;
const FILE_PIECE = 1600;
// At its end how much longer somebody may speak is counted down.
const SECONDS_COUNTED = 60;
// What is sent is a little longer or shorter than the sound.
const SECONDS_OFF = 2;

const part = (id) => document.getElementById(id);
const form = part("talk");

const WORDS = {
  calling: "Calling…",
  chime: "The loudspeakers play their tone. Wait…",
  speak: "You are heard now.",
};

const secondsMax = () => Number(form.dataset.secondsMax);

function show(text) {
  part("state").textContent = text;
}

// `seconds` says how long the sound is, where that is known and nobody has stopped it.
function report(told, seconds) {
  const heard = told.listeners.filter((listener) => listener.heard).length;
  let text = `Spoken for ${told.seconds.toFixed(1)} s, heard by ${heard} of ${told.listeners.length}.`;
  if (told.seconds >= secondsMax() - SECONDS_OFF) {
    text += " It was ended because nobody can speak longer at a time.";
  } else if (seconds !== undefined && told.seconds < seconds - SECONDS_OFF) {
    text += ` The sound is ${seconds.toFixed(1)} s long: the rest was not heard, because the page was ended by its listeners or by one that goes before it.`;
  }
  show(text);
  const rows = told.listeners.map((listener) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = listener.name;
    const verdict = document.createElement("td");
    verdict.textContent = listener.verdict;
    row.append(name, verdict);
    return row;
  });
  part("listeners").tBodies[0].replaceChildren(...rows);
  part("listeners").hidden = false;
}

// Counts down the last minute of what may be spoken, and gives what ends that.
function countDown() {
  const end = Date.now() + secondsMax() * 1000;
  const count = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    part("left").hidden = left > SECONDS_COUNTED;
    part("left").textContent = `You are cut off in ${left} s.`;
  };
  count();
  const counting = setInterval(count, 500);
  return () => {
    clearInterval(counting);
    part("left").hidden = true;
  };
}

// One talk. `opening` says what is spoken; `began` is called with the talk once it is, and `ended` at its end, whatever it was; `seconds` is the length
// of a sound.
let talk = null;
function begin(opening, began, ended, seconds) {
  if (talk || !form.reportValidity()) return;
  part("listeners").hidden = true;
  const extension = encodeURIComponent(part("extension").value);
  const socket = new WebSocket(`wss://${location.host}/talk/live?extension=${extension}`);
  socket.binaryType = "arraybuffer";
  const isLive = opening.speak === "sound" && !opening.file;
  let isTold = false;
  let state = "calling";
  let called = "";
  let endCount = () => {};
  talk = {
    socket,
    stop() {
      seconds = undefined;
      if (socket.readyState === WebSocket.OPEN) socket.send("stop");
      else socket.close();
      ended();
    },
  };
  busy(true);
  show(WORDS.calling);
  socket.onopen = () => socket.send(JSON.stringify(opening));
  socket.onmessage = (message) => {
    const told = JSON.parse(message.data);
    isTold = told.state === "ended" || told.state === "failed";
    if (told.state === "ended") report(told, seconds);
    else if (told.state === "failed") show(told.why);
    else {
      if (told.state === "begun") called = told.listeners === 1 ? " One listener is called." : ` ${told.listeners} listeners are called.`;
      else state = told.state;
      show((isLive ? WORDS[state] : WORDS[state].replace("You are", "It is")) + called);
    }
    if (told.state === "speak") {
      if (isLive) endCount = countDown();
      began(talk);
    }
  };
  socket.onclose = () => {
    if (!isTold) show("The connection broke off. Load the page again: you may have been signed out.");
    ended();
    endCount();
    talk = null;
    busy(false);
  };
}

function busy(is) {
  for (const id of ["speak", "play", "read"]) if (part(id)) part(id).disabled = is;
  part("stop").hidden = !is;
}

const samples = (floats) => Int16Array.from(floats, (value) => Math.max(-1, Math.min(1, value)) * 32767);

function level(floats) {
  const loudest = floats.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const decibels = loudest > 0 ? Math.max(0, 100 + (20 * Math.log10(loudest) * 100) / 60) : 0;
  part("level").setAttribute("aria-valuenow", String(Math.round(decibels)));
  part("level").firstElementChild.style.width = `${decibels}%`;
}

async function speak() {
  busy(true);
  let stream;
  let context;
  const ended = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (context && context.state !== "closed") context.close();
    level([]);
  };
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    // At the microphone's own rate, which not every browser converts: the worklet does.
    context = new AudioContext();
    await context.audioWorklet.addModule("/assets/talk-worklet.js");
    const worklet = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 });
    context.createMediaStreamSource(stream).connect(worklet);
    worklet.port.onmessage = ({ data }) => level(data);
    begin({ speak: "sound" }, ({ socket }) => {
      worklet.port.onmessage = ({ data }) => {
        level(data);
        // Of what the network cannot take, the newest is left out rather than said late.
        if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < AHEAD) socket.send(samples(data));
      };
    }, ended);
  } catch {
    show("The browser gives no microphone: permit it for this page, and see that one is connected.");
  }
  if (!talk) {
    ended();
    busy(false);
  }
}

async function play() {
  const [file] = part("file").files;
  if (!file) {
    show("Choose a sound file first.");
    return;
  }
  let sound;
  try {
    sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    show("The browser cannot play this file. Convert it to WAV or MP3.");
    return;
  }
  if (sound.duration > secondsMax()) {
    show(`The file is longer than ${secondsMax() / 60} minutes, and no page is: cut it into parts.`);
    return;
  }
  const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
  const mixed = samples(channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length));
  let isOver = false;
  begin({ speak: "sound", file: true }, async ({ socket }) => {
    for (let at = 0; at < mixed.length && !isOver; at += FILE_PIECE) {
      while (socket.bufferedAmount > AHEAD && !isOver) await new Promise((done) => setTimeout(done, 50));
      if (!isOver) socket.send(mixed.slice(at, at + FILE_PIECE));
    }
    if (!isOver) socket.send("end");
  }, () => { isOver = true; }, sound.duration);
}

if (form) {
  const mayHear = window.isSecureContext && navigator.mediaDevices;
  part(mayHear ? "speaking" : "insecure").hidden = false;
  part("playing").hidden = false;
  part("speak").addEventListener("click", speak);
  part("play").addEventListener("click", play);
  part("stop").addEventListener("click", () => talk?.stop());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin({ speak: "text", text: part("text").value }, () => {}, () => {});
  });
}
