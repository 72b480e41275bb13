#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build the library, run the experiment, and then the users service of
# examples/users, where the machine has what it needs: it is started, talked
# to, and stopped. Asks nothing, and ends by itself.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
build/demo/requests

service=$PWD/build/examples/users/users
if [ ! -x "$service" ] || ! command -v curl >/dev/null 2>&1; then
    echo "The users service is left out: it needs curl, and the packages that"
    echo "tools/setup.sh demo names."
    exit 0
fi

directory=$(mktemp -d)
mkfifo "$directory/said"
(cd "$directory" && PORT=0 exec "$service" >said.txt 2>said) &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$directory"' EXIT
read -r greeting <"$directory/said"
url=${greeting##* }

# What is asked, and what comes back.
show()
{
    echo
    echo "\$ curl $*"
    curl -s --max-time 10 -H 'Content-Type: application/json' "$@"
    echo
}

echo "A users service, the one of examples/users: it validates, stores in"
echo "SQLite, tells a feed, and sends an email after the reply."
show -X POST "$url/register" -d '{"name":"Ada","email":"ada@example.org"}'
show -X POST "$url/register" -d '{"name":"","email":"nowhere"}'
show "$url/users"
echo
echo "\$ curl $url/metrics | grep total"
curl -s --max-time 10 "$url/metrics" | grep '^http_requests_total'
kill "$pid"
wait "$pid"
echo
echo "It was stopped by SIGTERM, and finished what it had begun:"
sed 's/^/    /' "$directory/said.txt"
echo
echo "To look at it yourself: build/examples/users/users, then"
echo "    http://127.0.0.1:8000/      a page with the feed"
echo "    http://127.0.0.1:8000/docs  its description, to try requests from"
