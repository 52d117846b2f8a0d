"use strict";
// Hands over what the microphone hears in pieces of 20 ms.
const PIECE = sampleRate / 50;

class Pieces extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
  }

  process([[heard]]) {
    for (const value of heard ?? []) {
      this.piece[this.filled] = value;
      this.filled += 1;
      if (this.filled === PIECE) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("pieces", Pieces);
