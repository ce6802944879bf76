# SPDX-License-Identifier: BSD-3-Clause
# Functions that the commands under scripts/ share. Source it, do not run it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export root

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "$*"
  exit 1
}

# run_quietly LABEL COMMAND...: prints nothing when it works, and everything when it does not.
run_quietly() {
  local label=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  warn "$label failed: $*"
  cat "$log" >&2
  rm -f "$log"
  return 1
}

# The packages of scripts/packages.txt for the purposes given, alternatives as "a|b".
packages_for() {
  awk -v want=" $* " '
    /^[[:space:]]*(#|$)/ { next }
    {
      n = split($1, purposes, ",")
      for (i = 1; i <= n; i++)
        if (index(want, " " purposes[i] " ")) {
          line = $0; sub(/^[^[:space:]]+[[:space:]]+/, "", line); gsub(/[[:space:]]/, "", line)
          print line
          break
        }
    }' "$root/scripts/packages.txt"
}

# The entries of packages_for that are missing here. One dpkg-query for all of them keeps the usual
# case, nothing to do, under a tenth of a second.
missing_packages() {
  local have entry name found
  have=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null |
    awk '/^ii /{printf "%s ", $2}')"
  for entry in $(packages_for "$@"); do
    found=no
    for name in ${entry//|/ }; do
      case $have in *" $name "*) found=yes ;; esac
    done
    [ $found = yes ] || say "$entry"
  done
}

# reserve_hugepages COUNT: at least COUNT pages of 2 MiB in all, never lowering what is there.
# Returns 1, after one sentence that says what to do, where they cannot be had.
reserve_hugepages() {
  local want=$1 knob=/sys/kernel/mm/hugepages/hugepages-2048kB have
  if [ ! -r $knob/nr_hugepages ]; then
    warn "This kernel has no 2 MiB hugepages; Penstock will run on ordinary pages (--no-huge), slower."
    return 1
  fi
  have=$(cat $knob/nr_hugepages)
  [ "$have" -ge "$want" ] && return 0
  # The kernel finds whole pages more easily after it has put its caches in order.
  { echo 1 >/proc/sys/vm/compact_memory; } 2>/dev/null || true
  { echo "$want" >$knob/nr_hugepages; } 2>/dev/null || true
  have=$(cat $knob/nr_hugepages)
  [ "$have" -ge "$want" ] && return 0
  warn "Only $have of $want hugepages of 2 MiB could be reserved; do it on the host with:" \
    "echo $want | sudo tee $knob/nr_hugepages (or vm.nr_hugepages=$want in /etc/sysctl.conf)."
  return 1
}

# need_root: what makes namespaces, hugepages and DPDK ports must be root.
need_root() {
  [ "$(id -u)" = 0 ] || die "${0##*/} makes network namespaces and starts DPDK: run it as root."
}

# configure DIR MESON-OPTION...: a build folder, made once, with ccache where it is installed.
configure() {
  local dir=$1 cxx=${CXX:-g++}
  shift
  [ -f "$dir/build.ninja" ] && return 0
  case $cxx in ccache*) ;; *) command -v ccache >/dev/null && cxx="ccache $cxx" ;; esac
  rm -rf "$dir"
  CXX=$cxx run_quietly "meson setup" meson setup "$dir" "$root" "$@"
}

# build DIR TARGET...: compiles; shows the errors only.
build() {
  local dir=$1
  shift
  run_quietly "the build" ninja -C "$dir" "$@"
}
