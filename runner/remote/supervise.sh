# Runs the command in a session of its own, whether or not anybody watches, and records how it ended.
# Arguments: folder, id, boot id, time limit in seconds, output cap in bytes, who started us, script. Stdin and outputs
# are /dev/null.
d=$1 id=$2 boot=$3 limit=$4 cap=$5 starter=$6 script=$7
# Of all that were started for this run, the one that makes this file runs the command.
set -C
printf '' >"$d/go" || exit
set +C
start=-
if [ -r "/proc/$$/stat" ]; then
    read -r stat <"/proc/$$/stat"
    set -- ${stat##*) }
    start=${20}
fi
session=
group=
command -v setsid >/dev/null && session=setsid group=-
SSHCAST_SPOOL=$id $session /bin/sh -c "$script" >>"$d/out" 2>>"$d/err" &
child=$!
put() { printf '%-127s\n' "$2" 1<>"$d/$1"; }
put run "$$ $start $boot $child"
[ "$PPID" = "$starter" ] && kill -USR1 "$starter"
gone() { ! kill -0 "$group$child"; }
stop() {
    put stop "$1"
    kill -TERM "$group$child"
    for n in 1 2 3; do
        gone && return
        sleep 1
    done
    kill -KILL "$group$child"
}
watch() {
    cd "$d" || return
    while [ "$limit" -gt 0 ]; do
        step=2
        [ "$limit" -lt 2 ] && step=$limit
        sleep "$step"
        limit=$((limit - step))
        set -- $(wc -c out err)
        [ "$5" -gt "$cap" ] && { stop output; return; }
    done
    stop timeout
}
watch &
watcher=$!
wait "$child"
status=$?
why=
read -r why <"$d/stop"
case $why in
    timeout | output) wait "$watcher" ;;
    *) kill "$watcher" ;;
esac
# What the command left running in its group gets a moment for what it still writes.
[ -n "$group" ] && { gone || sleep 1; }
cd "$d"
set -- $(wc -c out err)
put end "E $status $1 $3 ${why:--} ."
