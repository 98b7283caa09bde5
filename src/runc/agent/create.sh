# Making a container.

np_create() {
	directory=$base/$id
	made=
	trap 'np_undo; exit 143' TERM
	trap 'rm -f "$base/.creating/$id"' EXIT
	np_register_creator
	np_find_rootfs
	np_find_user
	umask 077
	mkdir "$directory" || np_fail 12 "cannot make $directory"
	made=yes
	umask 022
	np_write_bundle
	[ "$overlay" = no ] || np_mount_overlay
	np_set_identity
	port=$port_first
	tries=0
	until np_start; do
		tries=$((tries + 1))
		[ "$tries" -lt 10 ] || np_give_up 15 "sshd found its port taken $tries times: $(tail -n 3 "$directory/sshd.log")"
		np_stop || np_give_up 16 "cannot stop a container that lost its port"
		np_release_ports
		port=$((port + 1))
	done
	trap - TERM
	printf '%s %s' "$port" "$uid"
}

# Before anything is made, says which process makes it, so that whoever removes it can end that process first.
np_register_creator() {
	read -r stat </proc/self/stat
	np_read_start "${stat%% *}"
	printf '%s %s\n' "${stat%% *}" "$start" >"$base/.creating/$id" || np_fail 14 "cannot write to $base; is the disk full?"
}

np_write_bundle() {
	np_put nodepool.json "$mark"
	mkdir "$directory/homedir" "$directory/homedir/.ssh" "$directory/homedir/src" "$directory/ssh" \
		"$directory/root" "$directory/tmp" "$directory/vartmp" "$directory/console" || np_give_up 14 "cannot make the bundle"
	np_copy "$keys" homedir/.ssh/authorized_keys
	chown -R "$uid:$gid" "$directory/homedir" || np_give_up 14 "cannot give the home directory to $user"
	chmod 0700 "$directory/homedir/.ssh" "$directory/root"
	chmod 1777 "$directory/tmp" "$directory/vartmp" "$directory/console"
	np_put ssh/sshd_config "$sshd_config"
	np_put ssh/ssh_host_ed25519_key.pub "$host_key_public"
	if [ -f "$root/etc/ssh/ssh_config" ]; then np_copy "$root/etc/ssh/ssh_config" ssh/ssh_config; fi
	umask 077
	np_put ssh/ssh_host_ed25519_key "$host_key"
	np_put config.json ''
	np_put sshd.log ''
	umask 022
}

np_put() {
	printf '%s\n' "$2" >"$directory/$1" || np_give_up 14 "cannot write $directory/$1; is the disk full?"
}

np_copy() {
	cat "$1" >"$directory/$2" || np_give_up 14 "cannot copy $1 to $directory/$2"
}

# A layer of its own over the rootfs: changes go to the bundle. Where the kernel refuses a directory of the hypervisor
# as upper layer, or a size is given, the layer is in memory.
np_mount_overlay() {
	layer=$directory/overlay
	mkdir "$directory/rootfs" "$layer" || np_give_up 14 "cannot make the overlay"
	size=$overlay_size
	if [ -z "$size" ]; then
		mkdir "$layer/upper" "$layer/work"
		np_overlay 2>/dev/null && return 0
		size=2g
	fi
	mount -t tmpfs -o "size=$size,mode=755" nodepool "$layer" || np_give_up 14 "cannot mount a tmpfs for the overlay"
	mkdir "$layer/upper" "$layer/work" && np_overlay || np_give_up 14 "cannot mount the overlay over $root"
}

np_overlay() {
	mount -t overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" nodepool "$directory/rootfs"
}

# Files that must be the container's own. No password of the rootfs is visible, and no account is locked, since
# `useradd -m` locks and sshd without PAM refuses locked accounts; passwords never match `*`.
np_set_identity() {
	names=
	shadow=
	gshadow=
	while IFS=: read -r name rest; do shadow="$shadow$name:*:::::::$newline"; done <"$source/etc/passwd"
	while IFS=: read -r name rest; do gshadow="$gshadow$name:*::$newline"; done <"$source/etc/group"
	hosts=$(cat "$root/etc/hosts" 2>/dev/null)
	[ "$overlay" = no ] || rm -f "$directory/rootfs/etc/resolv.conf"
	umask 077
	np_put_identity shadow "$shadow"
	np_put_identity gshadow "$gshadow"
	umask 022
	np_put_identity hostname "$id"
	np_put_identity hosts "$hosts${newline}127.0.1.1 $id"
	np_put_identity resolv.conf "$(cat /etc/resolv.conf 2>/dev/null)"
}

np_put_identity() {
	if [ "$overlay" = no ]; then np_put "$1" "$2"; else
		printf '%s\n' "$2" >"$directory/rootfs/etc/$1" || np_give_up 14 "cannot write /etc/$1 in the overlay"
	fi
}

# Starts the container on the next free port. False when sshd lost the race for it; gives up on anything else.
np_start() {
	np_reserve_port || np_give_up 11 "no free port from $port_min to $port_max"
	np_put port "$port"
	np_put config.json "$config_head$port$config_tail"
	timeout -s KILL 60 runc run --detach --bundle "$directory" --pid-file "$directory/pid" "$id" \
		>"$directory/sshd.log" 2>&1 </dev/null || np_give_up 16 "runc run failed: $(tail -n 5 "$directory/sshd.log")"
	read -r pid rest <"$directory/pid"
	np_read_start "$pid" && np_put init "$pid $start"
	left=$((start_seconds * 100))
	while :; do
		np_read_log
		case $listening:$taken in
		*:yes) return 1 ;;
		yes:) return 0 ;;
		esac
		np_is_running || np_give_up 17 "sshd ended at once: $(tail -n 5 "$directory/sshd.log")"
		[ "$left" -gt 0 ] ||
			np_give_up 17 "sshd does not listen after $start_seconds s: $(tail -n 5 "$directory/sshd.log")"
		left=$((left - 1))
		sleep 0.01
	done
}

np_read_log() {
	listening=
	taken=
	while read -r line; do
		case $line in
		*'Address already in use'*) taken=yes ;;
		'Server listening on '*) listening=yes ;;
		esac
	done <"$directory/sshd.log"
}

np_give_up() {
	if [ "$keep_seconds" -gt 0 ] 2>/dev/null; then
		said=$( (np_stop) && np_release_ports) &&
			printf '%s\n' "$(($(date +%s) + keep_seconds))" >"$directory/keep-until"
	else
		said=$(np_undo)
	fi || np_fail "$1" "$2 (and the clean-up failed: $said)"
	np_fail "$1" "$2"
}

np_undo() {
	trap '' TERM
	[ -z "$made" ] || np_remove
}
