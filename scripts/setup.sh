#!/bin/sh
# Makes this machine able to run a script of package.json: Node.js, system packages, npm packages.
# Usage: scripts/setup.sh [run] [test] [cloud] [zuul]     without a group: Node.js and npm packages only
# `cloud` is the OpenStack of test/support/testcloud; where it cannot be had, its tests are skipped.
# Says what it installs, is silent when nothing is missing. Leaves services stopped.
set -eu
cd "$(dirname "$0")/.."

# group, command that proves it, then the package for apt, dnf, zypper and apk (- where there is none: its tests are
# then skipped)
packages() {
  cat <<'END'
run  runc           runc              runc              runc              runc
run  ssh            openssh-client    openssh-clients   openssh-clients   openssh-client
run  sshd           openssh-server    openssh-server    openssh-server    openssh-server
run  mount          mount             util-linux        util-linux        mount
test ansible-playbook ansible-core     ansible-core      ansible-core      ansible-core
test ip             iproute2          iproute           iproute2          iproute2
test iptables       iptables          iptables-nft      iptables          iptables
test mmdebstrap     mmdebstrap        mmdebstrap        mmdebstrap        mmdebstrap
test systemd-nspawn systemd-container systemd-container systemd-container systemd-container
test flock          util-linux        util-linux        util-linux        flock
test git            git               git               git               git
test pgrep          procps            procps-ng         procps            procps
test rsync          rsync             rsync             rsync             rsync
test sudo           sudo              sudo              sudo              sudo
test python3        python3           python3           python3           python3
test openssl        openssl           openssl           openssl           openssl
test curl           curl              curl              curl              curl
test chromium       chromium          chromium          chromium          chromium
test busybox        busybox           busybox           busybox           busybox
test shellcheck     shellcheck        ShellCheck        ShellCheck        shellcheck
test disk-image-create python3-diskimage-builder diskimage-builder -     -
test debootstrap    debootstrap       debootstrap       debootstrap       debootstrap
test kpartx         kpartx            kpartx            kpartx            multipath-tools
test qemu-img       qemu-utils        qemu-img          qemu-tools        qemu-img
test qemu-system-x86_64 qemu-system-x86 qemu-system-x86-core qemu-x86 qemu-system-x86_64
test sgdisk         gdisk             gdisk             gptfdisk          sgdisk
test mkfs.ext4      e2fsprogs         e2fsprogs         e2fsprogs         e2fsprogs
test parted         parted            parted            parted            parted
test dmsetup        dmsetup           device-mapper     device-mapper     device-mapper
test /usr/share/zookeeper/bin/zkServer.sh zookeeper -   -                 -
zuul bwrap          bubblewrap        bubblewrap        bubblewrap        bubblewrap
zuul mariadbd       mariadb-server-core mariadb-server  mariadb           mariadb
zuul mariadb        mariadb-client-core mariadb         mariadb-client    mariadb-client
END
}

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

main() {
  check_node
  install_system_packages "$@"
  case " $* " in *" cloud "*) install_cloud ;; esac
  install_npm_packages
}

check_node() {
  advice='install it from https://nodejs.org or with a version manager, then run this again'
  found=$(node --version 2>/dev/null) || fail "Node.js 20.18.1 or newer is needed, found none; $advice"
  oldest=$(printf '%s\n' v20.18.1 "$found" | sort -V | head -n 1)
  [ "$oldest" = v20.18.1 ] || fail "Node.js 20.18.1 or newer is needed, found $found; $advice"
}

install_system_packages() {
  # sshd and iptables live where a plain user's PATH does not look
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt_install $missing
  else
    advise "$@"
  fi
}

# The missing packages of the given groups in one column of the table: apt by default.
missing_packages() {
  packages | while read -r group command apt dnf zypper apk; do
    case " $* " in *" $group "*) ;; *) continue ;; esac
    eval "package=\$${column:-apt}"
    [ "$package" = - ] || command -v "$command" >/dev/null || echo "$package"
  done | sort -u | tr '\n' ' '
}

# Its packages prove themselves by dpkg: most of them bring no command.
install_cloud() {
  cloud=test/support/testcloud
  if ! grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release || [ "$(id -u)" != 0 ]; then
    say 'the OpenStack for tests needs Debian 12 and root; its tests are skipped'
    return 0
  fi
  missing=
  for package in $(awk '$1 == "install" { print $2 }' $cloud/packages.txt); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] || (apt_install $missing) && $cloud/unpack ||
    say 'the packages of the OpenStack for tests cannot be had; its tests are skipped'
}

apt_install() {
  say "installing Debian packages: $*"
  had_sshd=$(command -v sshd || true)
  log=$(mktemp)
  keep_services_stopped
  try_apt_install "$@" || {
    say 'refreshing the package lists'
    apt-get -qq update >>"$log" 2>&1 || true
    try_apt_install "$@"
  } || {
    tail -n 15 "$log" >&2
    fail "apt-get could not install $*; the whole output is in $log"
  }
  rm -f "$log"
  if [ -z "$had_sshd" ] && command -v systemctl >/dev/null; then
    systemctl --quiet disable ssh.service ssh.socket >/dev/null 2>&1 || true
    say 'only the sshd program is needed: its service stays off (systemctl enable --now ssh turns it on)'
  fi
}

try_apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null
}

# Packages ask this program before they start a service. An administrator's own answer stays.
keep_services_stopped() {
  policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

advise() {
  if command -v apt-get >/dev/null; then column=apt install='apt-get install --no-install-recommends'
  elif command -v dnf >/dev/null; then column=dnf install='dnf install'
  elif command -v zypper >/dev/null; then column=zypper install='zypper install'
  elif command -v apk >/dev/null; then column=apk install='apk add'
  else column=apt install='the counterparts of these Debian packages:'
  fi
  say 'some programs are missing; as root, install them and run this again:'
  say "  $install $(missing_packages "$@")"
  exit 1
}

install_npm_packages() {
  installed=node_modules/.package-lock.json
  if [ -e "$installed" ] && ! [ package-lock.json -nt "$installed" ]; then return 0; fi
  say 'installing npm packages (npm ci)'
  npm ci --loglevel=error >&2
  touch "$installed"
  node_modules/.bin/tap build # otherwise the first test run does it, once per process
}

main "$@"
