# The part of the runC driver that works on a hypervisor. The launcher feeds this text to the standard input of a
# long-lived `sh`, then one line for each operation, and reads the results from its standard output:
#
#   { op='7'; id='0000000412-debian-200-17'; np_run alive; } &        ->  @7 0 running
#
# Operations run side by side in background subshells, so their variables are their own. A result is one line,
# `@<op> <exit code> <text>`; longer texts come before it in pieces, `@<op> + <base64>`.
#
# Written for any POSIX sh (dash, ash, bash) with coreutils; runc, mount and umount do the rest. Files of containers
# are trusted only where a job cannot write to them.

umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export LC_ALL PATH
newline='
'

np_run() {
	text=$("np_$1" 2>&1 </dev/null)
	code=$?
	trap '' PIPE
	case $code:$text in
	0:*[!\ A-Za-z0-9_.:/=-]* | [!0]*)
		printf '%s' "$text" | base64 -w 2000 | while read -r piece; do printf '@%s + %s\n' "$op" "$piece"; done
		text=
		;;
	esac
	if kill -0 $$ 2>/dev/null && printf '@%s %s %s\n' "$op" "$code" "$text" 2>/dev/null; then return; fi
	# Nobody will ever hear of this container, so it goes away again.
	[ "$1:$code" != create:0 ] || np_destroy >/dev/null 2>&1
}

np_fail() {
	printf '%s\n' "$2"
	exit "$1"
}

# First operation of a connection. Ends the agent of an earlier connection of the same launcher object, which may
# linger where the network was cut; its half-made containers then remove themselves.
np_hello() {
	np_enter
	printf 'arch=%s\nnofile=%s\n' "$(uname -m)" "$(ulimit -Hn)"
	runc --version
	ip -4 route get 198.51.100.1 2>/dev/null
	ip -6 route get 2001:db8::1 2>/dev/null
	:
}

# The same for who needs to know nothing about the hypervisor.
np_enter() {
	[ "$(id -u)" = 0 ] || np_fail 10 "the agent needs root, but runs as $(id -un)"
	command -v runc >/dev/null || np_fail 10 "runc is not installed (not found in $PATH)"
	command -v base64 >/dev/null || np_fail 10 "coreutils are incomplete: base64 is missing"
	mkdir -p "$base" "$base/.ports" "$base/.agents" "$base/.creating" || np_fail 14 "cannot make $base"
	chmod 0700 "$base" || np_fail 14 "cannot change the mode of $base"
	if [ -f "$base/.agents/$agent" ]; then
		read -r pid start <"$base/.agents/$agent"
		if [ "$pid" != $$ ] && np_is_running; then kill "$pid"; fi
	fi
	np_read_start $$ && printf '%s %s\n' $$ "$start" >"$base/.agents/$agent"
	for file in "$base"/.agents/*; do
		read -r pid start <"$file" && np_is_running || rm -f "$file"
	done
}

# Last operation of a connection. Where nobody else is connected and no container is left, takes back what only serves
# containers: the log service, and the mount if it was made here.
np_leave() {
	rm -f "$base/.agents/$agent"
	for file in "$base"/*/nodepool.json "$base"/.agents/*; do
		[ ! -e "$file" ] || return 0
	done
	np_end_console
	if [ -e "$base/.mounted" ] && np_unmount "$host_rootfs"; then rm -f "$base/.mounted"; fi
}

# Where systemd keeps this session in a cgroup of its own, containers must not end with the session, nor the session's
# limits apply to them. Works on the agent's main shell, not in a subshell; harmless where it fails.
np_leave_session() {
	while IFS=: read -r number controllers path; do
		case $number:$controllers:$path in
		*:*:/ | *:*:/nodepool*) continue ;;
		0::*) session=yes ;;
		*:name=systemd:*) session=yes ;;
		esac
	done </proc/self/cgroup
	[ -n "$session" ] || return 0
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		# cgroup v2: runc puts containers beside the agent's group.
		mkdir -p /sys/fs/cgroup/nodepool/agent && echo 0 >/sys/fs/cgroup/nodepool/agent/cgroup.procs
		return 0
	fi
	for hierarchy in /sys/fs/cgroup/*; do
		[ -e "$hierarchy/cgroup.procs" ] && [ ! -L "$hierarchy" ] || continue
		mkdir -p "$hierarchy/nodepool"
		if [ -e "$hierarchy/cpuset.cpus" ]; then
			cat "$hierarchy/cpuset.cpus" >"$hierarchy/nodepool/cpuset.cpus"
			cat "$hierarchy/cpuset.mems" >"$hierarchy/nodepool/cpuset.mems"
		fi
		echo 0 >"$hierarchy/nodepool/cgroup.procs"
	done
}

# Notes where the containers of this agent get their control groups: runC makes them below its own.
np_note_groups() {
	groups=
	while IFS= read -r line; do groups="$groups${groups:+$newline}$line"; done </proc/self/cgroup
}

# start: when process $1 was started, in ticks after boot. Together with the pid it names a process for good.
np_read_start() {
	start=
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	set -- ${stat##*) }
	[ "$1" != Z ] && [ "$1" != X ] || return 1
	start=${20}
}

# Is the process with this $pid and $start still there? A zombie is not.
np_is_running() {
	expected=$start
	[ -n "$pid" ] && np_read_start "$pid" && [ "$start" = "$expected" ]
}

# Waits until the process of $pid and $start has ended, at most $1 milliseconds.
np_await_end() {
	left=$1
	pause=5
	while np_is_running; do
		[ "$left" -gt 0 ] || return 1
		np_pause
	done
}

# Sleeps $pause milliseconds of the $left ones, the next time half as long again: each sleep is a process, and many
# containers that start at once on a busy machine would spend more on looking than on starting.
np_pause() {
	fraction=$((1000 + pause))
	sleep "0.${fraction#1}"
	left=$((left - pause))
	[ "$pause" -ge 200 ] || pause=$((pause * 3 / 2))
}
