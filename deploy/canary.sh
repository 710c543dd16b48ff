#!/bin/sh
# Which share of the callers goes to the new version (upstreams `api_canary` and `rpc_canary` of deploy/nginx/upstreams.conf).
#   deploy/canary.sh 5          five per cent; 0 is the way back, 100 all of them
#   deploy/canary.sh            tells the share of now
# A configuration that nginx refuses is taken back, and nginx goes on with the one before.
# NGINX_FOLDER: where nginx.conf is; without it, the folder nginx beside this script.
# NGINX_COMMAND: how nginx is called; without it, the one of docker-compose.yml.
set -eu

folder=${NGINX_FOLDER:-$(dirname "$0")/nginx}
nginx=${NGINX_COMMAND:-docker compose exec -T nginx nginx}
file=$folder/canary.conf

if [ $# -eq 0 ]; then
    share=$(sed -n 's/^ *\([0-9][0-9]*\)% canary;$/\1/p; s/^ *\* canary;$/100/p' "$file")
    echo "${share:-0}"
    exit 0
fi

case $1 in
    '' | *[!0-9]* | ????*) echo "canary.sh: a whole number of per cent from 0 to 100, not '$1'" >&2; exit 2 ;;
esac
[ "$1" -le 100 ] || { echo "canary.sh: a whole number of per cent from 0 to 100, not '$1'" >&2; exit 2; }
share=$(expr "$1" + 0) || true

case $share in
    0) lines='    * stable;' ;;
    100) lines='    * canary;' ;;
    *) lines="    $share% canary;
    * stable;" ;;
esac

before=$(cat "$file")
# Written in place: a file that is mounted into a container by itself would stay the old one if it were replaced.
cat > "$file" <<EOF
# Written by canary.sh: which share of the callers goes to the new version.
split_clients "\$http_authorization" \$share {
$lines
}
EOF
if $nginx -t && $nginx -s reload; then
    echo "$share % of the callers go to the new version"
else
    printf '%s\n' "$before" > "$file"
    echo "canary.sh: nginx did not take it; all is as before" >&2
    exit 1
fi
