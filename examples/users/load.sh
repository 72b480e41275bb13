#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Load a running users service: registrations, one after the other, and then
# lists and single users from 64 connections at once.
#
#     load.sh [URL] [SECONDS]
set -eu
url=${1:-http://127.0.0.1:8000}
seconds=${2:-5}
command -v wrk >/dev/null || { echo "load.sh: wrk is not installed" >&2; exit 1; }

stamp=$(date +%s)
count=0
while [ $count -lt 100 ]; do
    count=$((count + 1))
    status=$(curl -s -o /dev/null -w '%{http_code}' -X POST "$url/users" \
        -H 'Content-Type: application/json' \
        -d "{\"name\":\"User $count\",\"email\":\"$stamp-$count@example.org\"}")
    [ "$status" = 201 ] || { echo "load.sh: status $status" >&2; exit 1; }
done
echo "100 users were created."
for path in '/users?limit=20' '/users/1' '/healthz'; do
    echo
    echo "GET $path"
    wrk -t1 -c64 -d"${seconds}s" "$url$path" | grep -E 'Requests/sec|Latency|Non-2xx' || true
done
