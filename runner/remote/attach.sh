# Start a run if it was never started, else attach to it, and stream its output from given places.
#
# Given: id, nonce, out and err (bytes to skip), limit (seconds), cap (bytes), known (not empty: it was started for certain),
# script, supervisor, and the function exports. Stdin stays open for as long as the caller watches.
#
# A line that begins with the nonce is for the caller, wherever it stands in stdout:
#   NONCE begin FOLDER     from here on both streams are the command's
#   NONCE none             no folder can be written here; nothing was started
#   NONCE is PID START BOOT CHILD
#   NONCE end STATUS OUT ERR WHY
#   NONCE lost WHY
bases() {
    set -- "${LOGNAME:-${USER:-user}}"
    base=$HOME/.sshcast; "$try" && return
    base=/var/tmp/.sshcast-$1; "$try" && return
    base=/tmp/.sshcast-$1; "$try"
}
present() {
    d=$base/$id
    [ -d "$d" ] && [ -O "$d" ]
}
made() {
    d=$base/$id
    [ -d "$base" ] || mkdir -m 700 "$base" || return
    [ -O "$base" ] && [ ! -h "$base" ] || return
    mkdir -m 700 "$d" || [ -d "$d" ] || return
    # Their blocks are taken now and overwritten later, so that a disk that fills up cannot keep the end from being told.
    for name in run stop end; do
        [ -s "$d/$name" ] || printf '%127s\n' '' >>"$d/$name"
        [ -s "$d/$name" ] || { rm -rf "$d"; return 1; }
    done
    printf '' >>"$d/out" && printf '' >>"$d/err"
}
ended() {
    mark= status= o= e= how= dot=
    read -r mark status o e how dot <"$d/end"
    [ "$dot" = . ]
}
identified() {
    pid= start= boot= child=
    read -r pid start boot child <"$d/run"
    [ -n "$child" ]
}
alive() {
    identified || { why=unidentified; [ "$waited" -lt 10 ]; return; }
    why=rebooted
    [ "$boot" = "$now" ] || return
    why=killed
    [ "$start" = - ] && { kill -0 "$pid"; return; }
    stat=
    read -r stat <"/proc/$pid/stat" || return
    set -- ${stat##*) }
    [ "${20}" = "$start" ]
}
tell_who() {
    identified && printf '%s is %s %s %s %s\n' "$nonce" "$pid" "$start" "$boot" "$child"
}
tell_end() {
    printf '%s end %s %s %s %s\n' "$nonce" "$status" "$o" "$e" "$how"
}
rest() {
    tell_who
    tail -c +$((out + 1)) "$d/out"
    tail -c +$((err + 1)) "$d/err" >&4
    if ended; then tell_end; else printf '%s lost %s\n' "$nonce" "$why"; fi
    read -r x <&3
}
main() {
    now=-
    [ -r /proc/sys/kernel/random/boot_id ] && read -r now </proc/sys/kernel/random/boot_id
    try=present
    if ! bases; then
        [ -z "$known" ] || { printf '%s lost vanished\n' "$nonce"; exit; }
        try=made
        bases || { printf '%s none\n' "$nonce"; exit; }
    fi
    printf '%s begin\n' "$nonce" >&4
    printf '%s begin %s\n' "$nonce" "$d"
    sup= waited=0
    if ended || { [ -e "$d/go" ] && ! alive; }; then
        rest
        exit
    fi
    if [ ! -e "$d/go" ]; then
        ( exports; exec $session /bin/sh -c "$supervisor" sshcast "$d" "$id" "$now" "$limit" "$cap" "$$" "$script" ) \
            </dev/null >/dev/null 2>&1 3>&- 4>&- &
        sup=$!
    fi
    tail -c +$((out + 1)) -f "$d/out" &
    tails=$!
    tail -c +$((err + 1)) -f "$d/err" >&4 &
    tails="$tails $!"
    # When the caller goes away, so does all that watches; the run itself goes on.
    { read -r x <&3; kill $tails $$; } >/dev/null &
    reader=$!
    told=
    until ended; do
        [ -n "$told" ] || { tell_who && told=1; }
        if [ -n "$sup" ]; then
            # Its signal, which says that it has written who it is, ends the wait as well as its end does.
            wait "$sup"
            kill -0 "$sup" || sup=
            continue
        fi
        alive || { ended && break; printf '%s lost %s\n' "$nonce" "$why"; wait "$reader"; exit; }
        sleep 1
        waited=$((waited + 1))
    done
    [ -n "$told" ] || tell_who
    tell_end
    wait "$reader"
}
session=
command -v setsid >/dev/null && session=setsid
exec 3<&0 4>&2 2>/dev/null
trap : USR1
# One line: nothing of this text may be left for the reader of stdin.
main; exit
