"use strict";
// Hands over what the microphone hears at 16,000 samples a second, in pieces of 20 ms. Each sample is the mean of those that it stands
// for, which keeps out most of what that rate cannot carry.
const RATE = 16000;
const PIECE = RATE / 50;
const STEP = sampleRate / RATE;

class Pieces extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
    this.sum = 0;
    this.count = 0;
    this.due = STEP;
  }

  process([[heard]]) {
    for (const value of heard ?? []) {
      this.sum += value;
      this.count += 1;
      this.due -= 1;
      if (this.due <= 0) this.take();
    }
    return true;
  }

  take() {
    this.piece[this.filled] = this.sum / this.count;
    this.sum = 0;
    this.count = 0;
    this.due += STEP;
    this.filled += 1;
    if (this.filled === PIECE) {
      this.port.postMessage(this.piece.slice());
      this.filled = 0;
    }
  }
}

registerProcessor("pieces", Pieces);
