# What mount/quickstart and tests/run share: they source it. Installs Debian packages and builds.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(g++ cmake ninja-build pkg-config fuse3 libfuse3-dev libcurl4-openssl-dev libssl-dev libdcmtk-dev liblmdb-dev
                libspdlog-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libxxhash-dev libsystemd-dev
                libpugixml-dev ca-certificates)

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "cannot run '$*': it needs root, and there is no sudo; run this as root"
  fi
}

# Calls apt-get only when one of the packages is missing.
install_missing() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "cannot install ${missing[*]}: there is no apt-get; this wants Debian 12"
  say "Installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "cannot install ${missing[*]}: see apt-get's messages above"
}

# Some containers leave out the device although the kernel has it.
need_fuse() {
  [ -e /dev/fuse ] || as_root modprobe fuse 2>/dev/null || true
  [ -e /dev/fuse ] || as_root mknod -m 666 /dev/fuse c 10 229 2>/dev/null || true
  [ -e /dev/fuse ] || fail "cannot mount: there is no /dev/fuse (a container needs --device /dev/fuse --cap-add SYS_ADMIN)"
}

# configure PRESET TESTS(ON|OFF)
configure() {
  local preset=$1 tests=$2 log=$top/build/$1.configure.log
  mkdir -p "$top/build"
  (cd "$top" && cmake --preset "$preset" -DTROLLEY_BUILD_TESTS="$tests" >"$log" 2>&1) ||
    { cat "$log"; fail "cannot configure the $preset build"; }
}

# build PRESET TESTS(ON|OFF) [TARGET...]
build() {
  local preset=$1
  configure "$1" "$2"
  shift 2
  cmake --build "$top/build/$preset" ${1:+--target "$@"} || fail "cannot build $preset"
}
