# Streaming the output of Zuul's tasks.

# Starts the log service for Zuul when it does not run in this version yet. One agent at a time: of two that start it at
# the same moment one would find its port taken, and end or forget the service of the other.
np_console() {
	command -v python3 >/dev/null || np_fail 30 "python3 is not installed, so Zuul cannot stream the output of tasks"
	exec 9>"$base/.console.lock" && flock -w 20 9 || np_fail 30 "cannot lock $base/.console.lock"
	current=
	if [ -f "$base/.console.py" ]; then current=$(cat "$base/.console.py"); fi
	if [ "$current" = "$script" ] && np_find_console; then
		printf running
		return 0
	fi
	np_end_console
	printf '%s\n' "$script" >"$base/.console.py.$$.$op" && mv -f "$base/.console.py.$$.$op" "$base/.console.py" ||
		np_fail 30 "cannot write $base/.console.py"
	said=$(python3 "$base/.console.py" "$base" "$console_port" 2>&1 </dev/null 9>&-) || np_fail 30 "$said"
	np_read_start "$said" && printf '%s %s\n' "$said" "$start" >"$base/.console.pid"
	# Who asked for it may have left meanwhile.
	[ -e "$base/.agents/$agent" ] || np_leave
	printf started
}

# True when the service runs; sets its pid and start.
np_find_console() {
	pid=
	if [ -s "$base/.console.pid" ]; then read -r pid start <"$base/.console.pid"; fi
	[ -n "$pid" ] && np_is_running
}

np_end_console() {
	np_find_console || return 0
	kill "$pid"
	np_await_end 3000 || kill -9 "$pid"
	rm -f "$base/.console.pid"
}
