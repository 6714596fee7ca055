# Sourced by the other tools: makes .venv with pinned versions, and reuses it while nothing that defines it changed.
# usage: edgecnn_setup EXTRA   (host or dev; dev contains host)

edgecnn_setup() {
  local extra="$1" python stamp wanted
  wanted="$(cat pyproject.toml tools/constraints.txt | cksum) $extra"
  stamp=.venv/.edgecnn-setup
  if [ -x .venv/bin/python ] && [ -f "$stamp" ]; then
    case "$(cat "$stamp")" in
      "$wanted" | "${wanted% *} dev") return 0 ;;
    esac
  fi
  for python in python3.11 python3.12 python3.13 python3.10 python3; do
    if "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      break
    fi
    python=
  done
  if [ -z "$python" ]; then
    echo "edgecnn needs Python 3.10 to 3.13 (3.11 is tested); found: $(python3 --version 2>&1)." >&2
    return 2
  fi
  echo "Setting up .venv with $("$python" --version) (once; about 2 GB, 1 to 3 minutes) ..." >&2
  # Where Debian's python3-venv was missing, what is left has a python without pip.
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip -q >/dev/null 2>&1 ||
    "$python" -m venv --clear .venv || {
    echo "Could not make a virtual environment. On Debian: apt install python3-venv" >&2
    return 1
  }
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt -e ".[$extra]" || {
    echo "The installation failed; the lines above say why. Run this again when it is mended." >&2
    return 1
  }
  echo "$wanted" >"$stamp"
}

# usage: edgecnn_tool FILE ARGUMENT...   runs tools/FILE in the caller's folder: its arguments may be relative paths
edgecnn_tool() {
  local root
  root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
  (cd "$root" && edgecnn_setup host)
  exec "$root/.venv/bin/python" "$root/tools/$1" "${@:2}"
}
