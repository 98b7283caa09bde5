# For people and Ansible: single steps at containers and ports. Launchers do without.

# Ends a container and keeps its files.
np_halt() {
	directory=$base/$id
	[ -d "$directory" ] || np_fail 20 "container $id does not exist"
	np_end_creator
	np_refuse_foreign
	np_stop || np_fail 16 "container $id does not end"
	printf stopped
}

# Starts a container again that has ended, with the files it had, on its old port where that is still free.
np_start_again() {
	directory=$base/$id
	made=
	keep_seconds=0
	[ -s "$directory/nodepool.json" ] || np_fail 20 "container $id does not exist"
	np_refuse_foreign
	np_find_rootfs # before np_stop, which reads into $path
	np_stop || np_fail 16 "container $id does not end"
	np_is_mounted "$directory/rootfs" || np_mount_again
	port=$port_first
	if [ -s "$directory/port" ]; then read -r port <"$directory/port"; fi
	np_release_ports || np_fail 16 "cannot free the port of $id"
	np_start || np_fail 15 "sshd found its port taken: $(tail -n 3 "$directory/sshd.log")"
	printf '%s' "$port"
}

# After a reboot nothing is mounted; a layer in memory is gone with its content.
np_mount_again() {
	layer=$directory/layer
	if [ -d "$layer/upper" ]; then
		np_mount_overlay || np_fail 14 "cannot mount an overlay over $root"
	else
		mkdir -p "$layer/work" "$layer/upper/etc/security" || np_fail 14 "cannot make the overlay"
		np_make_root
	fi
}

# Reserves a port for a server that is no container. The reservation is a file below .reserved, so that cleaning up
# after containers leaves it alone.
np_allocate_port() {
	mkdir -p "$base/.reserved" && printf '%s\n' "$mark" >"$base/.reserved/$name" ||
		np_fail 14 "cannot write $base/.reserved/$name"
	directory=
	id=.reserved/$name
	port=$port_first
	(np_reserve_port) >/dev/null && np_find_port && printf '%s' "$port" && return 0
	rm -f "$base/.reserved/$name"
	np_fail 11 "no free port from $port_min to $port_max"
}

np_find_port() {
	for link in "$base"/.ports/*; do
		if [ -L "$link" ] && [ "$(readlink "$link")" = "../$id" ]; then port=${link##*/} && return 0; fi
	done
	return 1
}

np_free_port() {
	id=.reserved/$name
	while np_find_port; do rm -f "$base/.ports/$port" || np_fail 16 "cannot free port $port"; done
	rm -f "$base/.reserved/$name" || np_fail 16 "cannot remove $base/.reserved/$name"
}
