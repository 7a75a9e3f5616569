#!/usr/bin/env bash
# Puts the waybill that belongs to this commit on the PATH of the later steps
# of a job. Every action begins with it. In this order it takes
#
#   1. the binary that INPUT_BINARY or WAYBILL_BINARY names, as it is;
#   2. the waybill on the PATH,
#   3. the one in $RUNNER_TOOL_CACHE/waybill/VERSION/ARCH,
#   4. the release, from INPUT_DOWNLOAD_URL or WAYBILL_DOWNLOAD_URL or GitHub,
#
# 2 to 4 only with the SHA-256 that checksums.txt has: whoever pins the action
# to a commit has pinned the bytes. A commit to which no release belongs has an
# empty table, and waybill is built from its source. There is no newest version
# to ask for, and no API to ask.
#
# It runs on bash 3.2 (macOS) and in Git for Windows.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
table=$root/scripts/checksums.txt
binary=${INPUT_BINARY:-${WAYBILL_BINARY:-}}
mirror=${INPUT_DOWNLOAD_URL:-${WAYBILL_DOWNLOAD_URL:-https://github.com/waybill-dev/waybill/releases/download}}
scratch=''
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT

# say LEVEL TEXT: an annotation where a runner listens, else a line.
say() {
  local text=$2
  if [ "${GITHUB_ACTIONS:-}" = true ]; then
    text=${text//%/%25} text=${text//$'\r'/%0D} text=${text//$'\n'/%0A}
    printf '::%s title=waybill::%s\n' "$1" "$text" >&2
  else
    printf 'waybill: %s\n' "$text" >&2
  fi
}

fail() {
  say error "$1"
  exit 1
}

has() { type -P "$1" >/dev/null; }

# unixpath makes a path of Windows one that bash and its tools take.
unixpath() {
  if [ "$os" = windows ] && has cygpath; then cygpath -u "$1"; else printf '%s\n' "$1"; fi
}

temporary() { unixpath "${RUNNER_TEMP:-${TMPDIR:-/tmp}}"; }

# platform sets os, arch, exe, and cpu as tool caches call it.
platform() {
  exe=''
  case ${RUNNER_OS:-$(uname -s)} in
    Linux) os=linux ;;
    macOS | Darwin) os=darwin ;;
    Windows | MINGW* | MSYS* | CYGWIN*) os=windows exe=.exe ;;
    *) fail "install: there is no waybill for the system ${RUNNER_OS:-$(uname -s)}, only for Linux, macOS and Windows; build one and name it in the input binary" ;;
  esac
  case ${RUNNER_ARCH:-$(uname -m)} in
    X64 | x86_64 | amd64) arch=amd64 cpu=x64 ;;
    ARM64 | aarch64 | arm64) arch=arm64 cpu=arm64 ;;
    *) fail "install: there is no waybill for the processor ${RUNNER_ARCH:-$(uname -m)}, only for x64 and arm64; build one and name it in the input binary" ;;
  esac
}

# sums sets what computes SHA-256 here. Without it nothing is installed.
sums() {
  if has sha256sum; then
    hasher=(sha256sum)
  elif has shasum; then
    hasher=(shasum -a 256)
  elif has openssl; then
    hasher=(openssl dgst -sha256 -r)
  else
    fail 'install: none of sha256sum, shasum and openssl is here, so waybill cannot be verified; install one of them'
  fi
}

sha256() {
  local out
  out=$("${hasher[@]}" <"$1") || return 1
  printf '%s\n' "${out%%[ *]*}"
}

# is FILE SUM tells whether these are the bytes.
is() { [ -f "$1" ] && [ -n "$2" ] && [ "$(sha256 "$1")" = "$2" ]; }

# lookup finds version and want, the release for this platform, in the table.
# It fails where the table is empty.
lookup() {
  local sum name empty=1
  version='' want=''
  while read -r sum name || [ -n "$sum" ]; do
    case $sum in '' | '#'*) continue ;; esac
    empty=''
    name=${name%$'\r'}
    if [ "${name#*/}" = "waybill-$os-$arch$exe" ]; then
      version=${name%%/*} want=$sum
    fi
  done <"$table"
  [ -z "$empty" ] || return 1
  if ! [[ $want =~ ^[0-9a-f]{64}$ && $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    fail "install: scripts/checksums.txt of this action has no valid line for waybill-$os-$arch$exe; use another commit of the action"
  fi
}

# done_ FILE VERSION [FOLDER]: what later steps and the caller get to know.
done_() {
  local file=$1 folder=${3:-}
  if [ "$os" = windows ] && has cygpath; then
    file=$(cygpath -w "$file")
    [ -z "$folder" ] || folder=$(cygpath -w "$folder")
  fi
  case $file$folder in *$'\n'* | *$'\r'*) fail "install: there is a line break in the path of $file; the runner cannot take it" ;; esac
  [ -z "$folder" ] || [ -z "${GITHUB_PATH:-}" ] || printf '%s\n' "$folder" >>"$GITHUB_PATH"
  [ -z "${GITHUB_OUTPUT:-}" ] || printf 'binary=%s\nversion=%s\n' "$file" "$2" >>"$GITHUB_OUTPUT"
  printf 'waybill %s: %s\n' "$2" "$file"
}

# given uses the binary that was named: under the name waybill, alone in its
# folder, so that nothing else comes onto the PATH with it.
given() {
  local file folder
  file=$(unixpath "$binary")
  if [ ! -f "$file" ] || [ ! -x "$file" ]; then
    fail "install: the binary $binary, which the input binary or WAYBILL_BINARY names, is not an executable file"
  fi
  case $file in /*) ;; *) file=$PWD/$file ;; esac
  folder=$(mktemp -d "$(temporary)/waybill.XXXXXX")
  if [ "$os" = windows ]; then cp "$file" "$folder/waybill.exe"; else ln -s "$file" "$folder/waybill"; fi
  done_ "$folder/waybill$exe" devel "$folder"
}

# room VERSION sets folder, where that version is or will be installed.
room() {
  local cache=${RUNNER_TOOL_CACHE:-}
  [ -n "$cache" ] || cache=$(temporary)/waybill-tools
  folder=$(unixpath "$cache")/waybill/$1/$cpu
}

# prepare sets scratch, a folder for what is unfinished, on the disk of folder;
# where the tool cache cannot be written, folder becomes one for this job.
prepare() {
  local own
  if mkdir -p "$folder" 2>/dev/null && scratch=$(mktemp -d "$folder/.part.XXXXXX" 2>/dev/null); then
    return
  fi
  say notice "The tool cache cannot be written (${folder}); waybill is installed for this job only."
  own=$(mktemp -d "$(temporary)/waybill.XXXXXX") || fail "install: no folder can be made in $(temporary); set RUNNER_TEMP to one that can be written"
  folder=$own/$cpu
  mkdir "$folder"
  scratch=$(mktemp -d "$folder/.part.XXXXXX")
}

# place FILE SUM makes a whole, verified file visible, then the marker that
# tool caches have. Both are renamed into place: of two installers at once the
# later replaces the same by the same.
place() {
  chmod 755 "$1"
  # Windows does not replace a program that runs; then it is the right one.
  if ! mv -f "$1" "$folder/waybill$exe" 2>/dev/null && ! is "$folder/waybill$exe" "$2"; then
    fail "install: $folder/waybill$exe cannot be replaced; remove the folder and run again"
  fi
  printf '%s\n' "$2" >"$scratch/complete"
  mv -f "$scratch/complete" "$folder.complete"
}

fetch() {
  if has curl; then
    curl --fail --location --silent --show-error --proto '=http,https' \
      --connect-timeout 20 --max-time 600 --max-filesize 100000000 --output "$2" "$1"
  else
    wget -q -T 60 -O "$2" "$1" # these options are also BusyBox's
  fi
}

# download URL FILE, three times at most.
download() {
  local try code=0
  case $1 in http://* | https://*) ;; *) fail "install: the download URL $1 begins with neither https:// nor http://; correct the input download-url" ;; esac
  has curl || has wget || fail "install: neither curl nor wget is here to fetch $1; install one, or name a binary in the input binary"
  # wget reads only the names in small letters.
  [ -z "${HTTPS_PROXY:-}" ] || export https_proxy="${https_proxy:-$HTTPS_PROXY}"
  [ -z "${NO_PROXY:-}" ] || export no_proxy="${no_proxy:-$NO_PROXY}"
  for try in 1 2 3; do
    code=0
    fetch "$1" "$2" || code=$?
    [ "$code" != 0 ] || return 0
    rm -f "$2"
    if [ "$try" != 3 ]; then
      echo "fetch $1: exit code $code; trying again" >&2
      sleep $((try * 2))
    fi
  done
  fail "install: $1 cannot be fetched (exit code $code, three times); behind a firewall name a mirror in the input download-url, or a binary in the input binary"
}

release() {
  local found got url=${mirror%/}/$version/waybill-$os-$arch$exe
  found=$(type -P waybill || true)
  if [ -n "$found" ] && is "$found" "$want"; then
    case $found in /*) ;; *) found=$PWD/$found ;; esac
    done_ "$found" "$version" "$(dirname "$found")"
    return
  fi
  room "${version#v}"
  if [ -f "$folder.complete" ]; then
    if is "$folder/waybill$exe" "$want"; then
      done_ "$folder/waybill$exe" "$version" "$folder"
      return
    fi
    say warning "$folder/waybill$exe is not the waybill $version that was installed there: somebody changed it or it is damaged. It is installed again."
  fi
  prepare
  download "$url" "$scratch/waybill"
  got=$(sha256 "$scratch/waybill")
  if [ "$got" != "$want" ]; then
    fail "install: $url has the SHA-256 $got instead of $want of scripts/checksums.txt; nothing was installed. A mirror may hold another version, or somebody changed the file"
  fi
  place "$scratch/waybill" "$want"
  done_ "$folder/waybill$exe" "$version" "$folder"
}

# tree is a short digest of the source and of the Go that compiles it.
tree() {
  {
    go env GOVERSION
    find cmd internal schemas go.mod go.sum scripts/buildflags -type f ! -name '*_test.go' ! -path '*/testdata/*' -print0 |
      LC_ALL=C sort -z | xargs -0 "${hasher[@]}"
  } >"$1"
  local digest
  digest=$(sha256 "$1")
  printf '%s\n' "${digest:0:12}"
}

source_() {
  local key version list flags
  has go || fail 'install: no release belongs to this commit of the action and there is no Go to build it from source; use the commit of a release, run actions/setup-go before, or name a binary in the input binary'
  cd "$root"
  list=$(mktemp "$(temporary)/waybill.XXXXXX")
  key=$(tree "$list")
  rm -f "$list"
  version=devel-$key
  say warning "No release belongs to this commit of the action: waybill is built from source, which nothing verifies. Pin the action to the commit of a release."
  room "$version"
  # There is no sum in the repository: this finds damage, not intent.
  if [ -f "$folder.complete" ] && is "$folder/waybill$exe" "$(<"$folder.complete")"; then
    done_ "$folder/waybill$exe" "$version" "$folder"
    return
  fi
  flags=$("$BASH" scripts/buildflags)
  prepare
  if ! GOOS='' GOARCH='' GOFLAGS=$flags GOWORK=off CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/waybill-dev/waybill/internal/cli.version=$version" -o "$scratch/waybill" ./cmd/waybill >&2; then
    fail "install: waybill cannot be built from source with $(go env GOVERSION); go.mod says which Go it needs"
  fi
  place "$scratch/waybill" "$(sha256 "$scratch/waybill")"
  done_ "$folder/waybill$exe" "$version" "$folder"
}

platform
sums
if [ -n "$binary" ]; then
  given
elif lookup; then
  release
else
  source_
fi
