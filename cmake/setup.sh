# shellcheck shell=bash
# For the run scripts: what they need before they can build. Sourced, in a shell with `set -euo pipefail`.

# Is TOOL here?
have() {
  case $1 in
    benchmark) c++ -E -include benchmark/benchmark.h -x c++ /dev/null ;;
    gtest) c++ -E -include gmock/gmock.h -x c++ /dev/null ;;
    fuse3) pkg-config --exists fuse3 ;;
    # Two of the originals, to run beside ours.
    pyinotify) /usr/bin/python3 -c 'import pyinotify' ;;
    PyInotify) /usr/bin/python3 -c 'import inotify.adapters' ;;
    # Some distributions package the sanitizers' run-time apart from the compiler.
    clang++) echo 'int main() {}' | clang++ -fsanitize=address -x c++ - -o /dev/null ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

# The packages of MANAGER that have TOOL.
packages() {
  case $1:$2 in
    apt-get:c++) echo g++ ;;
    pacman:c++) echo gcc ;;
    *:c++) echo gcc-c++ ;;
    apt-get:ninja | dnf:ninja) echo ninja-build ;;
    apt-get:gtest) echo libgmock-dev ;;
    dnf:gtest) echo gmock-devel ;;
    apt-get:benchmark) echo libbenchmark-dev ;;
    dnf:benchmark | zypper:benchmark) echo google-benchmark-devel ;;
    dnf:pkg-config) echo pkgconf-pkg-config ;;
    pacman:pkg-config | zypper:pkg-config) echo pkgconf ;;
    apt-get:clang++) echo clang libclang-rt-dev ;;
    apt-get:fuse3) echo libfuse3-dev ;;
    apt-get:pyinotify) echo python3-pyinotify ;;
    apt-get:PyInotify) echo python3-inotify ;;
    dnf:fuse3 | zypper:fuse3) echo fuse3-devel ;;
    *:setpriv) echo util-linux ;;
    *:mkfs.btrfs) echo btrfs-progs ;;
    *:mkfs.xfs) echo xfsprogs ;;
    *:mkfs.ext4) echo e2fsprogs ;;
    dnf:clang++) echo clang compiler-rt ;;
    *:clang++) echo clang ;;
    *) echo "$2" ;;
  esac
}

# quietly LOG COMMAND...: what the command prints is shown only if it fails, and ends the script then.
quietly() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status != 0)); then
    cat "$log" >&2
    echo "failed: $*" >&2
    exit "$status"
  fi
}

# watched LOG COMMAND...: as quietly, and tells meanwhile on the standard error output how far a build is:
# in a terminal always, else every ten seconds.
watched() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" 2>&1 </dev/null | tell_progress "$log" || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    cat "$log" >&2
    echo "failed: $*" >&2
    exit "$status"
  fi
}

tell_progress() {
  local line told=$SECONDS
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (.*) ]] || continue
    if [[ -t 2 ]]; then
      printf '\r  %s of %s\033[K' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
    elif ((SECONDS - told >= 10)); then
      printf '  %s of %s\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
      told=$SECONDS
    fi
  done >"$1"
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

# need LOG TOOL...: installs what is missing, where that can be done without asking; says how otherwise.
need() {
  local log=$1 tool manager missing=() list=() sudo=() names command
  shift
  for tool; do have "$tool" || missing+=("$tool"); done
  ((${#missing[@]})) || return 0

  for manager in apt-get dnf zypper pacman ''; do have "$manager" && break; done
  for tool in "${missing[@]}"; do
    read -ra names <<<"$(packages "$manager" "$tool")"
    list+=("${names[@]}")
  done

  if [[ $manager == apt-get ]]; then
    ((EUID == 0)) || sudo=(sudo -n)
    if ((EUID == 0)) || sudo -n true 2>/dev/null; then
      echo "installing ${list[*]}" >&2
      quietly "$log" "${sudo[@]}" apt-get update
      quietly "$log" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${list[@]}"
      return 0
    fi
  fi

  case $manager in
    apt-get) command="sudo apt-get update && sudo apt-get install -y ${list[*]}" ;;
    dnf | zypper) command="sudo $manager install -y ${list[*]}" ;;
    pacman) command="sudo pacman -S --needed ${list[*]}" ;;
    *) command='' ;;
  esac
  if [[ $command ]]; then
    printf 'Missing: %s. Please run this, and then this script again:\n\n    %s\n\n' "${missing[*]}" "$command" >&2
  else
    echo "Missing: ${missing[*]}. Please install what your system has under these names." >&2
  fi
  exit 1
}
