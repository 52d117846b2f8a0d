#!/usr/bin/env python3
"""PESQ and STOI of what `cargo xtask bench quality -- --keep FOLDER` has kept.

    python3 -m venv venv && venv/bin/pip install pesq pystoi soundfile
    venv/bin/python crates/fleet/quality.py FOLDER
"""
import pathlib
import sys

import pesq
import pystoi
import soundfile


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{'call':24} {'PESQ':>6} {'STOI':>6}")
    for heard_file in sorted(pathlib.Path(sys.argv[1]).glob("*-heard.wav")):
        name = heard_file.name.removesuffix("-heard.wav")
        spoken, rate = soundfile.read(heard_file.with_name(f"{name}-spoken.wav"))
        heard, _ = soundfile.read(heard_file)
        # G.711 carries the telephone band, which the narrow-band measure judges.
        if name.startswith("PCMU"):
            score = pesq.pesq(8_000, spoken[::2], heard[::2], "nb")
        else:
            score = pesq.pesq(rate, spoken, heard, "wb")
        print(f"{name:24} {score:6.2f} {pystoi.stoi(spoken, heard, rate):6.3f}")


main()
