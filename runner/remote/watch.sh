# Ends a run at its time limit, independent of any channel. Arguments: p, id, limit (seconds), since (uptime), and
# PID START BOOT CHILD as far as they are known: the run's files may be removed while it goes on.
p=$1 id=$2 limit=$3 since=$4 pid=$5 start=$6 boot=$7 child=$8
trap '' HUP
# A TERM to this process may not reach its sleep where the target has no setsid.
trap 'kill $!; exit' TERM
# The run's files may have been removed just before this watcher made its own.
unless_over() {
    identified
    ended || { [ ! -e "${p}run" ] && ! { [ -n "$child" ] && lives "$pid" "$start"; }; } || return
    exec rm -f "${p}watch"
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
    sleep "$limit" &
    wait "$!" && [ -z "$up" ] && break
    left
done
unless_over
trap - TERM
put stop timeout
owned
finish
