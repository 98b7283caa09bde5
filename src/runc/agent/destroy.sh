# Removing a container.

# Removes whatever is left of a container; each step is content when its part is gone already.
np_destroy() {
	directory=$base/$id
	np_end_creator
	if [ ! -e "$directory" ] && [ ! -e "$run/$id" ]; then
		printf gone
		return 0
	fi
	np_refuse_foreign
	if np_is_kept; then
		printf kept
		return 0
	fi
	np_remove
	printf removed
}

np_refuse_foreign() {
	[ -s "$directory/nodepool.json" ] && read -r found <"$directory/nodepool.json" || return 0
	case $found in
	*"$mark"*) ;;
	*) np_fail 13 "$id belongs to another provider: $found" ;;
	esac
}

# A failed bundle that the operator wants to look at.
np_is_kept() {
	[ -s "$directory/keep-until" ] && read -r until <"$directory/keep-until" || return 1
	[ "$until" -gt "$(date +%s)" ] 2>/dev/null
}

np_end_creator() {
	[ -s "$base/.creating/$id" ] && read -r pid start <"$base/.creating/$id" || return 0
	if np_is_running; then
		kill "$pid" 2>/dev/null
		np_await_end 10000 || kill -9 "$pid"
	fi
	rm -f "$base/.creating/$id"
}

np_remove() {
	np_stop || np_fail 16 "container $id does not end"
	np_unmount_below "$directory" || np_fail 16 "cannot unmount what is mounted below $directory"
	np_release_ports || np_fail 16 "cannot free the port of $id"
	rm -rf "$directory" || np_fail 16 "cannot remove $directory"
}

# Ends the container. Killing its first process ends all others of its pid namespace; runc then finds nothing left to
# wait for.
np_stop() {
	pid=
	if [ -s "$directory/init" ]; then read -r pid start <"$directory/init"; fi
	if [ -n "$pid" ] && np_is_running; then
		kill -9 "$pid" 2>/dev/null
		np_await_end 10000 || return 1
	fi
	rm -f "$directory/init"
	if [ -d "$run/$id" ]; then np_delete; fi
	np_remove_groups
}

np_delete() {
	said=$(timeout -s KILL 60 runc delete --force "$id" 2>&1)
	# Somebody else may be deleting it at the same time.
	left=50
	while [ -d "$run/$id" ]; do
		[ "$left" -gt 0 ] || np_fail 16 "runc delete: $said"
		left=$((left - 1))
		sleep 0.02
	done
}

# A runC that was killed while it started the container has left control groups of which it knows nothing any more.
np_remove_groups() {
	[ -s "$directory/groups" ] || return 0
	while IFS=: read -r number controllers path; do
		# cgroup v2 has one hierarchy, alone or beside those of v1; there runC takes the place beside its own.
		case $controllers in
		'') set -- "/sys/fs/cgroup${path%/*}" "/sys/fs/cgroup/unified${path%/*}" ;;
		*) set -- "/sys/fs/cgroup/${controllers#name=}${path%/}" ;;
		esac
		for parent in "$@"; do
			[ ! -d "$parent/$id" ] || np_remove_group "$parent/$id" || return 1
		done
	done <"$directory/groups"
}

np_remove_group() {
	tries=0
	while [ -d "$1" ] && ! rmdir "$1" 2>/dev/null; do
		while read -r member; do kill -9 "$member" 2>/dev/null; done <"$1/cgroup.procs"
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		sleep 0.02
	done
}

# What killed processes held open may keep a mount busy for a moment.
np_unmount() {
	tries=0
	while np_is_mounted "$1"; do
		umount "$1" 2>/dev/null && continue
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || { umount "$1"; return 1; }
		sleep 0.02
	done
}

np_unmount_below() {
	umount "$1/rootfs" 2>/dev/null
	case $(cat /proc/self/mountinfo) in
	*" $1/"*) np_unmount "$1/rootfs" && np_unmount "$1/layer" ;;
	esac
}
