# Root file systems and users.

# Gives the label's root file system: $root is where the container's files come from, $source where the user's key is
# read. For `/` that is a private, read-only, non-recursive bind mount, made once.
np_find_rootfs() {
	if [ "$path" = / ]; then
		source=
		root=$host_rootfs
		np_mount_host_rootfs
	else
		root=$path
		[ -d "$root" ] || np_fail 10 "the rootfs $root does not exist"
		# A link may point to another directory in the next moment; a container has one for its whole life, by its own name,
		# so that whoever owns the directory sees that it is in use.
		if [ -L "$root" ]; then root=$(cd -P "$root" && pwd -P) || np_fail 10 "the rootfs $path does not exist"; fi
		source=$root
	fi
}

np_is_mounted() {
	case $(cat /proc/self/mountinfo) in
	*" $1 "*) return 0 ;;
	*) return 1 ;;
	esac
}

np_mount_host_rootfs() {
	# Without the mount the directory is empty; this costs no process.
	[ ! -e "$host_rootfs/etc/passwd" ] || return 0
	! np_is_mounted "$host_rootfs" || return 0
	mkdir -p "$host_rootfs" || np_fail 14 "cannot make $host_rootfs"
	# Two launchers at once must not stack two mounts.
	tries=0
	until mkdir "$base/.mounting" 2>/dev/null; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ]; then rmdir "$base/.mounting" 2>/dev/null; fi
		sleep 0.05
	done
	if np_is_mounted "$host_rootfs"; then
		rmdir "$base/.mounting"
		return 0
	fi
	mount --bind / "$host_rootfs" && mount --make-private "$host_rootfs" && mount -o remount,bind,ro "$host_rootfs"
	code=$?
	if [ "$code" = 0 ]; then : >"$base/.mounted"; else umount "$host_rootfs"; fi
	rmdir "$base/.mounting"
	[ "$code" = 0 ] || np_fail 14 "cannot bind mount / at $host_rootfs"
}

# uid and gid of $user in the rootfs; fails when there is no such user.
np_find_user() {
	uid=
	while IFS=: read -r name password number group rest || [ -n "$name" ]; do
		if [ "$name" = "$user" ]; then uid=$number gid=$group && break; fi
	done <"$source/etc/passwd"
	[ -n "$uid" ] || np_fail 10 "no such user: $user (not in $source/etc/passwd)"
	[ "$uid" != 0 ] || np_fail 10 "user $user is root (uid 0); a label needs an ordinary user"
	keys=$source$home/.ssh/authorized_keys
	[ -f "$keys" ] && [ ! -L "$keys" ] && [ -s "$keys" ] ||
		np_fail 10 "$keys does not exist or is empty; put Zuul's public key there, or nobody could log in as $user"
}

# Checks a label and tells what its config.json must know: the server's path, and which directories exist.
np_probe() {
	np_find_rootfs
	np_find_user
	sshd=
	for file in /usr/sbin/sshd /sbin/sshd /usr/bin/sshd /usr/local/sbin/sshd; do
		if [ -x "$root$file" ]; then sshd=$file && break; fi
	done
	[ -n "$sshd" ] || np_fail 10 "no sshd in the rootfs $root (looked for /usr/sbin/sshd and /sbin/sshd)"
	printf 'sshd=%s\n' "$sshd"
	for file in home etc/ssl/private var/backups var/log var/spool/cron; do
		if [ -d "$root/$file" ]; then printf 'has=/%s\n' "$file"; fi
	done
}
