# Keeps published images in a directory. Run as: sh -c SCRIPT sh VERB DIRECTORY [ARGUMENT...]
#
#   DIRECTORY/debian-12                   link to the root file system of the newest image: the `path` of a runC label
#   DIRECTORY/debian-12.qcow2             the same for images that are files
#   DIRECTORY/.builds/ID/mark.json        whose image it is, one line; written first, removed last
#   DIRECTORY/.builds/ID/rootfs           or image.qcow2: there as soon as it is complete
#   DIRECTORY/.builds/ID/published        its time says which image is the newest
#
# Exit codes: 64 the request makes no sense here, 65 something else arrived than was sent, 75 in use.
set -eu
umask 022
verb=$1
directory=$2
shift 2
store=$directory/.builds

fail() {
	code=$1
	shift
	echo "$*" >&2
	exit "$code"
}

# begin ID MODE: standard input is the mark.
begin() {
	mkdir -p "$store"
	mkdir -m "$2" "$store/$1"
	cat >"$store/$1/mark.new"
	mv "$store/$1/mark.new" "$store/$1/mark.json"
}

# unpack ID: standard input is a tar file with a root file system.
unpack() {
	new=$store/$1/rootfs.new
	mkdir -m 0755 "$new"
	if tar --help 2>/dev/null | grep -q -- --xattrs-include; then
		set -- "$1" --xattrs --xattrs-include='*' --numeric-owner
	else
		set -- "$1"
	fi
	id=$1
	shift
	tar -x -p "$@" -f - -C "$new" || fail 65 "cannot unpack the image$(no_room "$new")"
	cat >/dev/null # tar stops at the end that the file itself tells
	# diskimage-builder leaves out what is mounted in every system.
	for name in dev proc run sys tmp; do [ -e "$new/$name" ] || mkdir "$new/$name"; done
	[ -e "$new/etc/passwd" ] || fail 65 "the image holds no system: it has no /etc/passwd"
	mv "$new" "$store/$id/rootfs"
}

# tar only says that it could not write everything.
no_room() {
	free_kib=$(df -P -k "$1" | awk 'NR == 2 { print $4 }')
	[ "$free_kib" -ge 1024 ] || echo ": No space left on device"
}

# receive ID FORMAT BYTES [SHA256]: standard input is an image file.
receive() {
	file=$store/$1/image.$2
	cat >"$file.new"
	bytes=$(wc -c <"$file.new")
	[ "$((bytes))" = "$3" ] || fail 65 "$((bytes)) bytes arrived, expected $3"
	if [ -n "${4-}" ]; then
		sum=$(sha256sum <"$file.new")
		[ "${sum%% *}" = "$4" ] || fail 65 "the file arrived with SHA-256 ${sum%% *}, expected $4"
	fi
	mv "$file.new" "$file"
}

# copy ID FORMAT FILE: the same for a file of this machine. Whoever asks reads the copy, and calls `complete` when it is good.
# It is readable for all, whatever the file is. A file that is there already and cut off is written to the disk when it is closed
# (ext4, auto_da_alloc), which takes several times as long.
copy() {
	new=$store/$1/image.$2.new
	if cp --help 2>/dev/null | grep -q -- --no-preserve; then
		cp --no-preserve=mode -- "$3" "$new"
	else
		: >"$new"
		cp -- "$3" "$new"
	fi
}

complete() {
	mv "$store/$1/image.$2.new" "$store/$1/image.$2"
}

# publish ID NAME CONTENT: from now on NAME is this image.
publish() {
	: >"$store/$1/published"
	link "$1" "$2" "$3"
}

link() {
	[ ! -e "$directory/$2" ] || [ -L "$directory/$2" ] ||
		fail 64 "$directory/$2 exists and is no link; nothing of it is changed"
	rm -f "$directory/.link-$1"
	ln -s ".builds/$1/$3" "$directory/.link-$1"
	mv -f -T "$directory/.link-$1" "$directory/$2"
}

# remove ID NAME CONTENT PATTERN: PATTERN matches the ids of all images that NAME may be.
remove() {
	rm -f "$directory/.link-$1"
	[ -d "$store/$1" ] || return 0
	if [ "$(readlink "$directory/$2" 2>/dev/null)" = ".builds/$1/$3" ]; then unlink_it "$@"; fi
	physical=$(cd -P "$store/$1" && pwd -P)
	# Containers have an overlay, whose lower directory is the root file system.
	if grep -qF -e "lowerdir=$physical/rootfs," /proc/self/mountinfo; then fail 75 "a container runs on $physical"; fi
	rm -rf --one-file-system "$store/$1/rootfs" "$store/$1/rootfs.new"
	rm -f "$store/$1/image."*
	rm -rf "${store:?}/$1"
	rmdir "$store" 2>/dev/null || true
}

# The one before takes its place, if there is one. Ids are plain, so `ls` may be split into words.
unlink_it() {
	# shellcheck disable=SC2045,SC2086
	for published in $(ls -t "$store"/$4/published 2>/dev/null); do
		other=${published%/published}
		if [ "$other" = "$store/$1" ] || [ ! -e "$other/$3" ]; then continue; fi
		link "${other##*/}" "$2" "$3"
		return
	done
	rm -f "$directory/$2"
}

# list: a line for each image, its folder and its mark.
list() {
	for mark in "$store"/*/mark.json; do
		[ ! -e "$mark" ] || printf '%s %s\n' "$(basename "${mark%/*}")" "$(tr -d '\n' <"$mark")"
	done
}

case $verb in
begin | unpack | receive | copy | complete | publish | remove | list) "$verb" "$@" ;;
*) fail 64 "unknown verb $verb" ;;
esac
