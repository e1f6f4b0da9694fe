# Sourced by the scripts beside it: the pinned uv, and the package index that pip is told to use.
UV_VERSION=0.13.9

install_uv() {
  [ "$("$1/bin/uv" --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] ||
    "$1/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"
  use_index_of_pip "$1/bin/pip"
}

# uv does not read pip's configuration. A machine that is told to fetch packages from a mirror means uv as well.
use_index_of_pip() {
  local index certificates
  index=${PIP_INDEX_URL:-$("$1" config get global.index-url 2>/dev/null || true)}
  certificates=${PIP_CERT:-$("$1" config get global.cert 2>/dev/null || true)}
  if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX=$index; fi
  if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE=$certificates; fi
}
