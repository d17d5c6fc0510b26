# Ends a run at its time limit, whether or not anybody watches. Arguments: p, id, seconds that are left.
p=$1 id=$2 limit=$3
trap '' HUP
uptime() {
    up=
    read -r up x </proc/uptime
    up=${up%%.*}
}
ticks $$
printf '%s %s\n' "$$" "$ticks" >"${p}watch"
uptime
due=$((${up:-0} + limit))
# Somebody may end our sleep: only the time that has passed counts.
while [ "$limit" -gt 0 ]; do
    ended && exit
    [ -e "${p}run" ] || exit
    sleep "$limit" && [ -z "$up" ] && break
    uptime
    [ -z "$up" ] || limit=$((due - up))
done
ended && exit
[ -e "${p}run" ] || exit
put stop timeout
owned
finish
