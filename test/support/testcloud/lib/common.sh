# Shared by start, stop and unpack.

PORT_BASE=${TESTCLOUD_PORT_BASE:-21000}
WORK=${TESTCLOUD_DIR:-${TMPDIR:-/var/tmp}/nodepool-testcloud}
CACHE=${TESTCLOUD_CACHE:-/var/cache/nodepool-testcloud}
REGION=RegionOne
# Nothing listens beyond loopback and nothing survives a start.
ADMIN_PW=admin-secret
NODEPOOL_PW=nodepool-secret
SERVICE_PW=service-secret
DB_PW=database-secret

P_KEYSTONE=$((PORT_BASE + 0))
P_GLANCE=$((PORT_BASE + 1))
P_PLACEMENT=$((PORT_BASE + 2))
P_NOVA=$((PORT_BASE + 3))
P_NEUTRON=$((PORT_BASE + 4))
P_CINDER=$((PORT_BASE + 5))
P_DB=$((PORT_BASE + 10))
P_AMQP=$((PORT_BASE + 11))
P_DIST=$((PORT_BASE + 12))
P_EPMD=$((PORT_BASE + 13))

URL_KEYSTONE=http://127.0.0.1:$P_KEYSTONE/v3
URL_GLANCE=http://127.0.0.1:$P_GLANCE
URL_PLACEMENT=http://127.0.0.1:$P_PLACEMENT
URL_NOVA=http://127.0.0.1:$P_NOVA/v2.1
URL_NEUTRON=http://127.0.0.1:$P_NEUTRON
URL_CINDER=http://127.0.0.1:$P_CINDER/v3/%\(project_id\)s
AMQP=rabbit://guest:guest@127.0.0.1:$P_AMQP/

packages() { # install | unpack -> the names in packages.txt
    awk -v kind="$1" '$1 == kind { print $2 }' "$HERE/packages.txt"
}

is_installed() { # package
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'
}

say() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'testcloud: %s\n' "$*" >&2; exit 1; }

check_work_directory() {
    case $WORK in /*) ;; *) die "the work directory must be an absolute path: $WORK" ;; esac
    WORK=$(readlink -m "$WORK")
    local repo
    repo=$(git -C "$HERE" rev-parse --show-toplevel 2>/dev/null || echo "$HERE")
    case $WORK/ in "$repo"/*) die "the work directory must be outside the repository: $WORK" ;; esac
    # Much is removed from it, so it must be this script's own.
    if [ ! -e "$WORK/.testcloud" ]; then
        if [ -n "$(ls -A "$WORK" 2>/dev/null)" ]; then
            die "the work directory has other things in it: $WORK"
        fi
        mkdir -p "$WORK"
        echo 'made by testcloud/start' >"$WORK/.testcloud"
    fi
    # The services see nothing of the caller's environment (no proxy, no other
    # Python, no OS_* variables).
    CLEAN_ENV=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$WORK/home" TMPDIR="$WORK/tmp"
               LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONPATH="$HERE/lib" PYTHONDONTWRITEBYTECODE=1
               PYTHONWARNINGS=ignore XDG_CACHE_HOME="$WORK/cache")
}

clean_env() { "${CLEAN_ENV[@]}" "$@"; }

start_time() { # pid -> clock ticks since boot, tells a reused pid apart
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    stat=${stat##*) }
    set -- $stat
    [ "$1" != Z ] || return 1
    echo "${20}"
}

service() { # name command...: in a process group of its own, with a pid file
    local name=$1 pid
    shift
    # exec, so that $! is the service itself
    ( exec "${CLEAN_ENV[@]}" setsid "$@" ) >>"$WORK/log/$name.out" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(start_time "$pid")" >"$WORK/run/$name.pid"
}

alive() { # name
    local pid start
    { read -r pid start <"$WORK/run/$1.pid"; } 2>/dev/null || return 1
    [ "$(start_time "$pid")" = "$start" ]
}

service_names() {
    local f
    for f in "$WORK"/run/*.pid; do
        case $f in *.own.pid | *'*.pid') continue ;; esac
        f=${f##*/}
        echo "${f%.pid}"
    done
}

all_alive() {
    local name
    [ -s "$WORK/run/complete" ] || return 1
    while read -r name; do
        alive "$name" || return 1
    done <"$WORK/run/complete"
}

group_members() { # leader's pid -> MEMBERS: what of its group has not ended
    local f stat
    MEMBERS=()
    for f in /proc/[0-9]*/stat; do
        { read -r stat <"$f"; } 2>/dev/null || continue
        f=${f#/proc/}
        stat=${stat##*) }       # state, parent, group, ...
        case $stat in
        Z* | X*) ;;
        ?' '*' '"$1 "*) # a quick look before a proper one
            set -- "$1" $stat
            if [ "$4" = "$1" ]; then MEMBERS+=("${f%/stat}"); fi
            ;;
        esac
    done
}

group_ours() { # leader's pid, its start time: is the group (still) ours?
    local now p
    # (in a trap, "return" alone would return what was true before the trap)
    if now=$(start_time "$1"); then
        if [ "$now" = "$2" ]; then return 0; else return 1; fi
    fi
    # The leader is gone; what it left behind has the environment given to it.
    group_members "$1"
    for p in ${MEMBERS[@]+"${MEMBERS[@]}"}; do
        if tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qxF "HOME=$WORK/home"; then
            return 0
        fi
    done
    return 1
}

stop_service() { # name...: end these, and wait until they are gone
    local name pid start i left=() still
    for name; do
        { read -r pid start <"$WORK/run/$name.pid"; } 2>/dev/null || continue
        if group_ours "$pid" "$start"; then
            kill -TERM -- "-$pid" 2>/dev/null || true
            left+=("$pid")
        fi
    done
    for i in $(seq 100); do
        still=()
        for pid in ${left[@]+"${left[@]}"}; do
            group_members "$pid"
            if [ ${#MEMBERS[@]} -gt 0 ]; then still+=("$pid"); fi
        done
        left=(${still[@]+"${still[@]}"})
        if [ ${#left[@]} = 0 ]; then break; fi
        sleep 0.1
    done
    for pid in ${left[@]+"${left[@]}"}; do
        kill -KILL -- "-$pid" 2>/dev/null || true
    done
    for name; do
        rm -f "$WORK/run/$name.pid"
    done
}

stop_everything() {
    local names=()
    rm -f "$WORK/run/complete"
    # The services first, then what they talk to.
    mapfile -t names < <(service_names | grep -vxE 'rabbitmq|mariadb|epmd')
    stop_service ${names[@]+"${names[@]}"}
    stop_service rabbitmq mariadb
    stop_service epmd
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_ports_free() {
    local p
    for p in $P_KEYSTONE $P_GLANCE $P_PLACEMENT $P_NOVA $P_NEUTRON $P_CINDER \
             $P_DB $P_AMQP $P_DIST $P_EPMD; do
        ! listening "$p" || die "port $p is taken by something else; set TESTCLOUD_PORT_BASE"
    done
}

provision() { # identity | setup | check
    clean_env \
        TC_WORK="$WORK" TC_REGION="$REGION" \
        TC_ADMIN_PW="$ADMIN_PW" TC_NODEPOOL_PW="$NODEPOOL_PW" TC_SERVICE_PW="$SERVICE_PW" \
        TC_KEYSTONE="$URL_KEYSTONE" TC_GLANCE="$URL_GLANCE" TC_PLACEMENT="$URL_PLACEMENT" \
        TC_NOVA="$URL_NOVA" TC_NEUTRON="$URL_NEUTRON" TC_CINDER_URL="$URL_CINDER" \
        /usr/bin/python3 "$HERE/lib/provision.py" "$@" >&2
}
