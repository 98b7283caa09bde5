#!/bin/bash
# Takes the place of disk-image-create: notes when it was started, works for a while, and links the image that lies ready.
#   BENCH_STARTED=FILE   appends the time of the start, in seconds with microseconds
#   BENCH_SECONDS=N      how long it works
#   BENCH_IMAGE=FILE     the image; FILE.sha256 is its checksum
set -eu
echo "$EPOCHREALTIME" >>"$BENCH_STARTED"
while [ $# -gt 0 ]; do
	case $1 in
	-t) type=$2 && shift ;;
	-o) output=$2 && shift ;;
	esac
	shift
done
[ "${BENCH_SECONDS:-0}" = 0 ] || sleep "$BENCH_SECONDS"
ln "$BENCH_IMAGE" "$output.$type"
ln "$BENCH_IMAGE.sha256" "$output.$type.sha256"
