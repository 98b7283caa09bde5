# Looking at what is there.

# Is the container running, and is it still the process that was started?
np_alive() {
	directory=$base/$id
	[ -d "$directory" ] || np_fail 20 "container $id does not exist"
	[ -s "$directory/init" ] && read -r pid start <"$directory/init" || np_fail 20 "container $id was never started"
	np_is_running && [ -d "$run/$id" ] || np_fail 20 "container $id does not run any more: $(tail -n 2 "$directory/sshd.log" 2>&1)"
	printf running
}

# One line for each bundle: id, state, port, mark. Containers without a bundle follow as runc's own list.
np_list() {
	for directory in "$base"/*; do
		[ -d "$directory" ] || continue
		id=${directory##*/}
		if [ -e "$directory/keep-until" ]; then
			! np_is_kept || continue
			(np_remove)
			continue
		fi
		mark=
		port=
		pid=
		state=dead
		if [ -s "$directory/nodepool.json" ]; then read -r mark <"$directory/nodepool.json"; fi
		if [ -s "$directory/port" ]; then read -r port <"$directory/port"; fi
		if [ -s "$base/.creating/$id" ] && read -r pid start <"$base/.creating/$id" && np_is_running; then state=creating; fi
		pid=
		if [ -s "$directory/init" ]; then read -r pid start <"$directory/init"; fi
		if [ -d "$run/$id" ] && np_is_running; then state=running; fi
		printf '%s\t%s\t%s\t%s\n' "$id" "$state" "$port" "$mark"
	done
	for link in "$base"/.ports/*; do
		if [ -L "$link" ] && [ ! -e "$link" ]; then rm -f "$link"; fi
	done
	for directory in "$run"/*; do
		[ ! -d "$directory" ] || [ -d "$base/${directory##*/}" ] || { runc list --format json; break; }
	done
	:
}
