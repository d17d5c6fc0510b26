# Ends a run at its time limit, whether or not anybody watches. Arguments: p, id, limit (seconds), since when (clock).
p=$1 id=$2 limit=$3 since=$4
trap '' HUP
# Who clears the run away may have looked for its files before there was ours.
unless_over() {
    ended || [ ! -e "${p}run" ] || return
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
    sleep "$limit" && [ -z "$up" ] && break
    left
done
unless_over
put stop timeout
owned
finish
