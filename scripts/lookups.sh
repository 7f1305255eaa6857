# What a machine has, found out by trying it. For scripts/bootstrap, which sources this: `look_around PURPOSE` sets
#
#   python     the Python to use
#   found      what was tried and answered, by what it said of itself
#   packages   Debian packages whose programs do not answer
#   wants      what no Debian package brings, in words
#   later      Debian packages that only `make test` needs besides
# shellcheck shell=bash disable=SC2034

has() { command -v "$1" >/dev/null 2>&1; }

# version_in TEXT: the first thing in it that looks like a version.
version_in() { [[ $1 =~ [0-9]+(\.[0-9]+)+ ]] && echo "${BASH_REMATCH[0]}"; }

# answers NAME COMMAND...: COMMAND ends well; the version that it says is noted under NAME.
answers() {
  local name=$1 said
  shift
  said=$("$@" 2>&1 </dev/null) || return 1
  found+=("$name $(version_in "$said" || echo "(answers)")")
}

# venv_works: .venv is whole, of a Python that is new enough, and was made here (its scripts name their folder).
venv_works() {
  .venv/bin/python -c 'import pip, sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null &&
    head -c 1000 .venv/bin/pip 2>/dev/null | grep -qF "$PWD/.venv/bin/python"
}

look_for_python() {
  local candidate said rejected=()
  python=""
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    # What .venv and the lookups need of it; one that was built without them is passed over.
    said=$("$candidate" -c 'import ctypes, ssl, sys, tomllib, venv; print(sys.version.split()[0])' 2>&1) && {
      python=$candidate
      found+=("Python $said")
      return
    }
    has "$candidate" && rejected+=("$candidate is $("$candidate" --version 2>/dev/null || echo "no Python that runs")")
    [[ -z ${PYTHON:-} ]] || break
  done
  wants+=("Python 3.11 or newer, with ssl and ctypes; on PATH: $(IFS=,; echo "${rejected[*]:-none}")")
}

# compiles COMPILER LANGUAGE: three lines that need the C library's headers become a program.
compiles() {
  local folder status=0
  has "$1" || return 1
  folder=$(mktemp -d) || return 1
  printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { return puts("") < 0; }\n' |
    "$1" -x "$2" - -o "$folder/tried" >/dev/null 2>&1 && [[ -s $folder/tried ]] || status=1
  rm -rf "$folder"
  ((status == 0)) && found+=("$1 $("$1" -dumpfullversion 2>/dev/null || "$1" -dumpversion)")
}

# has_server: initdb and postgres of one folder answer. The folders are those of hoopwire.demo.postgres.
has_server() {
  local folder places=()
  mapfile -t places < <(compgen -G '/usr/lib/postgresql/*/bin' | sort -t / -k 5 -n -r)
  if has pg_config; then places+=("$(pg_config --bindir 2>/dev/null)"); fi
  if has initdb; then places+=("$(dirname "$(command -v initdb)")"); fi
  for folder in ${HOOPWIRE_POSTGRES_BIN:+"$HOOPWIRE_POSTGRES_BIN"} "${places[@]}"; do
    "$folder/initdb" --version >/dev/null 2>&1 && answers PostgreSQL "$folder/postgres" --version && return
  done
  return 1
}

# has_sshd: its usage names its version; for an older one that is all there is to ask.
has_sshd() {
  local said
  said=$("$(command -v sshd || echo /usr/sbin/sshd)" -V 2>&1 </dev/null) || true
  [[ $said == *OpenSSH_* ]] && found+=("sshd $(version_in "${said#*OpenSSH_}")")
}

# has_library NAME: it can be loaded.
has_library() {
  [[ -n $python ]] && "$python" -c "import ctypes; ctypes.CDLL('$1')" 2>/dev/null && found+=("$1")
}

# libclang_to_be_had: PyPI has it as a wheel for this machine, or an installed one does.
libclang_to_be_had() {
  case $(uname -sm) in
    "Linux x86_64" | "Linux aarch64") return ;;
  esac
  scripts/try-libclang >/dev/null 2>&1
}

# venv_package: the Debian package that brings what `python -m venv` needs.
venv_package() {
  if [[ $(command -v "$python") == /usr/bin/python3 ]]; then echo python3-venv; else
    "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
  fi
}

look_for_rust() {
  local said needed version
  needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! said=$(cargo --version 2>&1 </dev/null); then
    wants+=("a Rust toolchain, $needed or newer (https://rustup.rs); cargo says: ${said##*: }")
  elif ! version=$(version_in "$(rustc --version 2>/dev/null)"); then
    wants+=("a Rust toolchain, $needed or newer (https://rustup.rs); there is a cargo, and no rustc that answers")
  elif [[ $(printf '%s\n%s\n' "$needed" "$version" | sort -V | head -n 1) != "$needed" ]]; then
    wants+=("Rust $needed or newer (https://rustup.rs, or: rustup update); this is $version")
  else
    found+=("Rust $version")
  fi
}

# look_for_test_programs LIST: packages that only the tests need go on the end of LIST.
look_for_test_programs() {
  local -n list=$1
  # the third-party issuer, and drivers
  answers Node.js node --version || list+=(nodejs)
  # without a home of its own Debian's npm looks for one for ever: the cache is named as where it is used
  answers npm npm --version --cache .cache/node/npm || list+=(npm)
  # statements for the differential test
  answers sqlsmith sqlsmith --version || list+=(sqlsmith)
  # counts instructions
  answers valgrind valgrind --version || list+=(valgrind)
  # what the tests of SSH compare with
  answers ssh ssh -V || list+=(openssh-client)
  has_sshd || list+=(openssh-server)
  # clients that go through the gateway, and a target behind it
  answers dropbear dbclient -V || list+=(dropbear-bin)
  answers PuTTY plink -V || list+=(putty-tools)
  has_library libssh.so.4 || list+=(libssh-4)
}

look_around() {
  found=() packages=() wants=() later=()
  look_for_python
  if [[ -n $python ]] && ! "$python" -c 'import ensurepip' 2>/dev/null && ! venv_works; then
    packages+=("$(venv_package)")
  fi
  # it links what Rust compiles; bindgen asks it for its headers
  compiles cc c || packages+=(gcc libc6-dev)
  [[ $1 != python ]] || return 0
  answers make make --version || packages+=(make)
  libclang_to_be_had || packages+=(libclang-dev)
  has_server || packages+=(postgresql)
  answers psql psql --version || packages+=(postgresql-client)
  look_for_rust
  case $1 in
    test) look_for_test_programs packages ;;
    demo) look_for_test_programs later ;;
    bench)
      answers PgBouncer pgbouncer --version || packages+=(pgbouncer)
      answers HAProxy haproxy -v || packages+=(haproxy)
      ;;
    # libFuzzer
    fuzz) compiles c++ c++ || packages+=(g++) ;;
  esac
}

tell_found() { printf '  found: %s\n' "$(IFS=,; echo "${found[*]}" | sed 's/,/, /g')"; }

# tell_missing: everything that is missing, at once, and what to do.
tell_missing() {
  local want
  for want in "${wants[@]}"; do
    printf 'bootstrap: needed: %s\n' "$want" >&2
  done
  if ((${#packages[@]} > 0)); then
    printf 'bootstrap: these Debian packages are missing: %s\n' "${packages[*]}" >&2
    ((${#later[@]} == 0)) || printf 'bootstrap: make test needs besides: %s\n' "${later[*]}" >&2
    printf 'bootstrap: install them (sudo apt-get install --no-install-recommends %s), then run this again\n' \
      "${packages[*]}${later:+ ${later[*]}}" >&2
  fi
}
