#!/bin/sh
# Runs a task and copies its output, by REST with curl and jq.
#
# Each answer is read whole, into a file, before anything is printed, and the cursor moves on after that: what a cut has
# left in the file is thrown away and comes again. A stream (?follow=true) with `curl --retry` would print twice: each
# retry sends the same address, with the cursor of the first one, after part of the answer was printed already.
set -eu
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
answer=$folder/answer # the body of the last answer
: >"$folder/token"

# send PATH [CURL OPTIONS]: prints the status; fails where no whole answer came. Secrets are in files, which `ps` does
# not show. A network that is silent for 60 s is a cut one: an answer takes 30 s at most.
send() {
    path=$1
    shift
    : >"$folder/headers"
    curl -s -o "$answer" -D "$folder/headers" -w '%{http_code}' -H "@$folder/token" -H 'Content-Type: application/json' \
        --connect-timeout 10 --speed-limit 1 --speed-time 60 "$@" "$SSHCAST_URL$path"
}

# call PATH [CURL OPTIONS]: repeats it until it has succeeded. 401: with new tokens. No answer, 429, 5xx: later.
call() {
    wait=1
    while :; do
        status=$(send "$@") || status=000
        case $status in
        200) return ;;
        401) renew ;;
        000 | 429 | 5??)
            asked=$(tr -d '\r' <"$folder/headers" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)$/\1/p')
            sleep "$((${asked:-0} > wait ? asked : wait))"
            wait=$((wait < 30 ? wait * 2 : 30))
            ;;
        *) give_up ;;
        esac
    done
}

give_up() {
    jq -r .message "$answer" >&2
    exit 255
}

keep_tokens() {
    jq -r '"Authorization: Bearer " + .data.access_token' "$answer" >"$folder/token"
    jq '{refresh_token: .data.refresh_token}' "$answer" >"$folder/refresh"
}

# A refresh token is good for one use. Where the answer was lost, the same one is good for 10 s more.
renew() {
    [ -s "$folder/refresh" ] || give_up
    while :; do
        status=$(send /api/auth/refresh -d "@$folder/refresh") || status=000
        case $status in
        200) break ;;
        000 | 429 | 5??) sleep 1 ;;
        *) give_up ;;
        esac
    done
    keep_tokens
}

jq -n '{username: env.SSHCAST_USER, password: env.SSHCAST_PASSWORD}' >"$folder/login"
call /api/auth/login -d "@$folder/login"
keep_tokens
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n') # the same at each try, so that the task runs once
call "/api/tasks/$SSHCAST_TASK/execute" -X POST -H "Idempotency-Key: $key"
run=$(jq -r .execution_id "$answer")

cursor=o0 # the position after what was printed
while :; do
    call "/api/task/$run/log?wait=30&encoding=base64&cursor=$cursor"
    jq -r .output_base64 "$answer" | base64 -d
    jq -r .error_base64 "$answer" | base64 -d >&2
    cursor=$(jq -r .cursor "$answer")
    # One answer has 32 MiB at most, so the end is an answer of a run that is over, without output.
    if jq -e '.status != 0 and .output_base64 + .error_base64 == ""' "$answer" >/dev/null; then
        exit "$(jq '.exit_code // 255' "$answer")"
    fi
done
