/**
 * A stand-in for PipelineWise: it reports when two are running for one tap, or more than the file `limit` says, takes as
 * long as the file `seconds-TAP` says, or until the test ends it where there is a file `hold-TAP`, and notes its runs and
 * their ends. All that is beside the share, which may be out of reach.
 *
 * It handles SIGTERM before it counts itself: a killed wrapper's pipeline gets the signal at any moment. It ignores a
 * second one, because dash would run the handler again inside the first one. It marks its directory as over before it
 * removes it, because a directory that a dead stand-in left would count as a run.
 */
export const STAND_IN = `#!/bin/sh
# A stand-in for PipelineWise: run_tap --tap ID --target ID; it cannot say its status
[ "$1" != status ] || exit 1
tap=$3
cd "$(dirname "$0")"
notes=notes-$(hostname)
complain() { echo "$1: $tap on $(hostname) at $(date +%T.%N), beside" inside-* >>"$notes"; }
trap 'trap "" TERM; [ -z "$!" ] || kill "$!"; [ ! -d "inside-$tap" ] || echo >"inside-$tap/over"; echo "stopped: $tap" >>"$notes"; rm -rf "inside-$tap"; exit 143' TERM
[ ! -e "inside-$tap/over" ] || rm -rf "inside-$tap"
mkdir "inside-$tap" || complain "two at once"
running=0
for one in inside-*; do [ -e "$one/over" ] || running=$((running + 1)); done
[ "$running" -le "$(cat limit 2>&- || echo 99)" ] || complain "too many"
if [ -e "hold-$tap" ]; then
  while ! [ -e "inside-$tap/end" ]; do sleep 0.2; done &
else
  sleep "$(cat "seconds-$tap" 2>&- || echo 0)" &
fi
echo "$tap" >>"$notes"
wait "$!"
rm -r "inside-$tap"
`;
