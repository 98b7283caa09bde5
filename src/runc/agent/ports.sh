# Ports of containers.

# A reservation is a symbolic link .ports/<port> -> ../<id>: made in one step, and it says whose it is. It saves
# starting two servers on one port; what decides in the end is whether sshd could listen.
np_reserve_port() {
	sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	wrapped=
	while :; do
		if [ "$port" -gt "$port_max" ]; then
			[ -z "$wrapped" ] || return 1
			wrapped=yes
			port=$port_min
		fi
		if [ ! -L "$base/.ports/$port" ] && np_is_unused; then
			ln -s "../$id" "$base/.ports/$port" 2>/dev/null && return 0
			[ -L "$base/.ports/$port" ] || np_give_up 14 "$(ln -s "../$id" "$base/.ports/$port" 2>&1)"
		fi
		port=$((port + 1))
	done
}

# A port is in use when a socket has it as local port, except for connections that only wait for their end (state 06).
np_is_unused() {
	hex=$(printf '%04X' "$port")
	case $sockets in
	*":$hex "????????:????" 0"[!6]" "* | *":$hex "????????????????????????????????:????" 0"[!6]" "*) return 1 ;;
	esac
}

np_release_ports() {
	if [ -s "$directory/port" ] && read -r port <"$directory/port"; then
		link=$base/.ports/$port
		[ ! -L "$link" ] || [ "$(readlink "$link")" != "../$id" ] || rm -f "$link" || return 1
		rm -f "$directory/port"
		return 0
	fi
	# Ended between reserving a port and noting it.
	for link in "$base"/.ports/*; do
		if [ -L "$link" ] && [ "$(readlink "$link")" = "../$id" ]; then rm -f "$link" || return 1; fi
	done
}
