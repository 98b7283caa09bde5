# Making a container.

np_create() {
	directory=$base/$id
	made=
	trap 'np_undo; exit 143' TERM
	trap 'rm -f "$base/.creating/$id"' EXIT
	np_register_creator
	np_find_rootfs
	np_find_user
	[ ! -e "$directory" ] || np_fail 12 "cannot make $directory: it exists already"
	made=yes
	np_write_bundle
	np_make_root
	port=$port_first
	tries=0
	until np_start; do
		tries=$((tries + 1))
		[ "$tries" -lt 10 ] || np_give_up 15 "sshd found its port taken $tries times: $(tail -n 3 "$directory/sshd.log")"
		np_stop || np_give_up 16 "cannot stop a container that lost its port"
		taken_port=$port
		np_release_ports
		port=$((taken_port + 1))
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
	np_make_directories || np_give_up 14 "cannot make the bundle"
	np_put nodepool.json "$mark"
	np_read_text "$keys" || np_give_up 14 "cannot read $keys"
	np_put homedir/.ssh/authorized_keys "$content"
	chown -R "$uid:$gid" "$directory/homedir" || np_give_up 14 "cannot give the home directory to $user"
	np_put ssh/sshd_config "$sshd_config"
	np_put ssh/ssh_host_ed25519_key.pub "$host_key_public"
	if [ -f "$root/etc/ssh/ssh_config" ]; then np_copy "$root/etc/ssh/ssh_config" ssh/ssh_config; fi
	umask 077
	np_put ssh/ssh_host_ed25519_key "$host_key"
	np_put config.json ''
	np_put sshd.log ''
	umask 022
}

# Each mkdir is a process, so there is one for each mode. Nobody but root gets below $base.
np_make_directories() {
	layer=$directory/layer
	mkdir "$directory" "$directory/homedir" "$directory/homedir/src" "$directory/ssh" "$directory/rootfs" "$layer" \
		"$layer/work" "$layer/upper" "$layer/upper/etc" "$layer/upper/etc/security" &&
		mkdir -m 0700 "$directory/homedir/.ssh" "$directory/root" &&
		mkdir -m 1777 "$directory/tmp" "$directory/vartmp" "$directory/console"
}

np_put() {
	printf '%s\n' "$2" >"$directory/$1" || np_give_up 14 "cannot write $directory/$1; is the disk full?"
}

# content: the text of a small file, read without another process.
np_read_text() {
	content=
	[ -r "$1" ] || return 1
	while IFS= read -r line || [ -n "$line" ]; do content="$content${content:+$newline}$line"; done <"$1"
}

np_copy() {
	cat "$1" >"$directory/$2" || np_give_up 14 "cannot copy $1 to $directory/$2"
}

# The container's root is an overlay: the rootfs below, and above it a layer of its own with the files that must differ.
# Mounting those files one by one would not do: a mount goes away when the hypervisor replaces the file below it, and
# every `useradd` there replaces /etc/shadow. A read-only container cannot write to its layer, others do. Where the
# kernel refuses a directory of the hypervisor as upper layer, or a size is given, the layer is in memory.
np_make_root() {
	layer=$directory/layer
	size=$overlay_size
	if [ -z "$size" ]; then
		np_fill_layer
		np_mount_overlay 2>/dev/null && return 0
		rm -rf "$layer/upper" "$layer/work"
		size=2g
	fi
	mount -t tmpfs -o "size=$size,mode=755" nodepool "$layer" || np_give_up 14 "cannot mount a tmpfs for the overlay"
	np_fill_layer
	np_mount_overlay || np_give_up 14 "cannot mount an overlay over $root"
}

np_mount_overlay() {
	mount -t overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" nodepool "$directory/rootfs"
}

# No password of the rootfs is visible, and no account is locked, since `useradd -m` locks and sshd without PAM refuses
# locked accounts; passwords never match `*`.
np_fill_layer() {
	[ -d "$layer/upper" ] || mkdir -p "$layer/work" "$layer/upper/etc/security" || np_give_up 14 "cannot make the overlay"
	shadow=
	gshadow=
	while IFS=: read -r name rest; do shadow="$shadow${shadow:+$newline}$name:*:::::::"; done <"$source/etc/passwd"
	while IFS=: read -r name rest; do gshadow="$gshadow${gshadow:+$newline}$name:*::"; done <"$source/etc/group"
	etc=layer/upper/etc
	umask 077
	np_put $etc/shadow "$shadow"
	np_put $etc/gshadow "$gshadow"
	for file in shadow- gshadow- security/opasswd; do np_put $etc/$file ''; done
	umask 022
	np_put $etc/hostname "$id"
	np_read_text "$root/etc/hosts" 2>/dev/null
	np_put $etc/hosts "${content:-127.0.0.1 localhost}${newline}127.0.1.1 $id"
	np_read_text /etc/resolv.conf 2>/dev/null
	np_put $etc/resolv.conf "$content"
}

# Starts the container on the next free port. False when sshd lost the race for it; gives up on anything else.
np_start() {
	np_reserve_port || np_give_up 11 "no free port from $port_min to $port_max"
	np_put port "$port"
	np_put groups "$groups"
	np_put config.json "$config_head$port$config_tail"
	timeout -s KILL 60 runc run --detach --bundle "$directory" --pid-file "$directory/pid" "$id" \
		>"$directory/sshd.log" 2>&1 </dev/null || np_give_up 16 "runc run failed: $(tail -n 5 "$directory/sshd.log")"
	read -r pid rest <"$directory/pid"
	np_read_start "$pid" && np_put init "$pid $start"
	left=$((start_seconds * 1000))
	pause=5
	while :; do
		np_read_log
		case $listening:$taken in
		*:yes) return 1 ;;
		yes:) return 0 ;;
		esac
		np_is_running || np_give_up 17 "sshd ended at once: $(tail -n 5 "$directory/sshd.log")"
		[ "$left" -gt 0 ] ||
			np_give_up 17 "sshd does not listen after $start_seconds s: $(tail -n 5 "$directory/sshd.log")"
		np_pause
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
