# Ends a run at its time limit, whether or not anybody watches. Arguments: p, id, limit (seconds), since when (clock),
# and PID START BOOT CHILD as far as they are known: somebody may remove the run's files while it goes on.
p=$1 id=$2 limit=$3 since=$4 pid=$5 start=$6 boot=$7 child=$8
trap '' HUP
# Who ends this may not reach our sleep, where the target has no setsid.
trap 'kill $!; exit' TERM
# Who clears the run away may have looked for its files before there was ours.
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
# Somebody may end our sleep: only the time that has passed counts.
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
