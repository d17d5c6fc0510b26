# Ends a run at its time limit, and records until then in which order its streams grow, independent of any channel.
# Arguments: p, id, limit (seconds), since (uptime), how to record (`-tails`: tail reports what is new at once; `-polls`:
# it does not; else: not at all: there is one stream, or nothing that would end what records), and PID START BOOT CHILD as far as they are known: the run's files may be removed
# while it goes on.
p=$1 id=$2 limit=$3 since=$4 way=$5 pid=$6 start=$7 boot=$8 child=$9
trap '' HUP
# A TERM to this process may not reach its children where the target has no setsid.
recorder=
trap 'kill $!; stop_recording; exit' TERM
# Add a mark if stderr has grown. The file begins anew when it is long, so that no run can fill a disk with it.
mark() {
    read -r x e <"/proc/$pid/fdinfo/9" || return
    grown=$((e - seen))
    [ "$grown" != 0 ] || return 0
    read -r x o <"/proc/$pid/fdinfo/3" || return
    seen=$e
    printf '%s %s\n' "$o" "$e" >&8
    read -r x size </proc/self/fdinfo/8
    if [ "$size" -gt "$most" ] && [ -e "${p}order" ]; then printf '' >"${p}order"; fi
}
# Mark once for each piece of stderr, without a process. `tail` puts a line with the name before what comes from the
# other file, and each mark is something from the other file. What comes too fast to be read ends this for 0.1 s.
mark_pieces() {
    mark
    clock
    lines=0 then=$up
    while read -r x; do
        mark && [ "$grown" -le 16384 ] || return
        lines=$((lines + 1))
        [ "$lines" -ge 200 ] || continue
        clock
        [ "${up:-0}" -ge "$((${then:-0} + 3))" ] || return
        lines=0 then=$up
    done
}
# Mark 20 times a second, without a process. Fails if this shell cannot wait for so short a time.
mark_often() {
    exec 6<<X
x
X
    read -r x <&6
    [ -p /proc/self/fd/6 ] && exec 6<>/proc/self/fd/6 || return
    clock
    then=$up
    read -r -t 0.05 x <&6
    clock
    [ "${up:-0}" -ge "$((${then:-0} + 3))" ] || return
    while mark; do
        read -r -t 0.05 x <&6
    done
}
record() {
    trap - TERM
    identified || { sleep 0.1; identified; } || return
    [ -e "${p}run" ] && exec 8>>"${p}order" || return
    seen=0 most=100000
    if [ "$way" = -polls ]; then
        most=25000
        mark_often
        return
    fi
    while [ -e "/proc/$pid/fdinfo/9" ]; do
        tail -n 0 -f "${p}err" "${p}order" 8>&- | mark_pieces
        sleep 0.1 8>&- || return
    done
}
# Ends what records, with its children where they are a group with this process.
stop_recording() {
    [ -n "$recorder" ] || return 0
    trap '' TERM
    ticks $$
    set -- ${stat##*") "}
    if [ "$3" = $$ ]; then kill 0; else kill "$recorder"; fi
}
# The run's files may have been removed just before this watcher made its own.
unless_over() {
    identified
    ended || { [ ! -e "${p}run" ] && ! { [ -n "$child" ] && lives "$pid" "$start"; }; } || return
    stop_recording
    [ ! -e "${p}run" ] || exec rm -f "${p}watch"
    exec rm -f "${p}watch" "${p}order"
}
left() {
    clock
    [ -z "$up" ] || limit=$(((due - up + 99) / 100))
}
ticks $$
printf '%s %s\n' "$$" "$ticks" >"${p}watch"
clock
due=$((${since:-${up:-0}} + limit * 100))
left
# A killed sleep must not end the run early: only the elapsed time counts.
while [ "$limit" -gt 0 ]; do
    unless_over
    case $way$recorder in -polls | -tails) record </dev/null & recorder=$! ;; esac
    sleep "$limit" &
    wait "$!" && [ -z "$up" ] && break
    left
done
unless_over
stop_recording
trap - TERM
put stop timeout
owned
finish
