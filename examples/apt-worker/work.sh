#!/bin/sh
# Makes a tone of each length that is asked for, and tells how long it became; once for each argument, else again and again.
set -eu

tone() {
  sox -n -r 8000 -b 16 /tmp/tone.wav synth "$1" sine 440
  echo "made a tone of $(soxi -D /tmp/tone.wav) s"
}

for seconds in "$@"; do tone "$seconds"; done
[ $# -eq 0 ] || exit 0
while :; do
  tone 1.5
  sleep 10
done
