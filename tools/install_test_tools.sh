#!/bin/sh
# Installs the Debian programs the tests and the benchmark drive: SIPp (sip-tester), the softphone baresip, rtpengine,
# a C compiler (with the sanitizers, for the media engine), espeak-ng, the PostgreSQL server, and Chromium with a font for its pages.
# Does nothing when they are there. Where it may not install, it says so and the tests that need them skip visibly
# (they fail when CI=true).
set -eu

missing=""
command -v sipp >/dev/null 2>&1 || missing="$missing sip-tester"
command -v baresip >/dev/null 2>&1 || missing="$missing baresip-core"
command -v rtpengine >/dev/null 2>&1 || missing="$missing rtpengine-daemon"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v espeak-ng >/dev/null 2>&1 || missing="$missing espeak-ng"
# PostgreSQL's server programs are in a folder for each version, not on the PATH.
set -- /usr/lib/postgresql/*/bin/initdb
[ -x "$1" ] || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "missing for the whole test run:$missing (as root: apt-get install$missing)" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if [ ! -e /usr/sbin/policy-rc.d ]; then  # rtpengine and PostgreSQL come with services: the tests start them themselves
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086  # a list of names
apt-get install -y -qq --no-install-recommends $missing >/dev/null
