# What all programs about a run know of its files. Given: p, the beginning of their names.
#   go     there is one once the run was begun, or never will be
#   run    PID START BOOT CHILD: the supervisor, when it started (ticks since boot), which boot, the command (`none`: not
#          started yet); or `never`
#   stop   why it is to be stopped
#   end    E STATUS OUT ERR WHY .
#   out, err, tails (somebody follows them), watch (PID START of the watcher)
# Somebody may have removed the folder: why a run is to be stopped, and how it ended, is told all the same.
put() {
    housed "${p%/*}" && printf '%-127s\n' "$2" 1<>"$p$1"
}
# A folder of this account alone, and no link to another.
housed() {
    [ -d "$1" ] || mkdir -m 700 "$1" || [ -d "$1" ] || return
    [ -O "$1" ] && [ ! -h "$1" ]
}
# Make a file, unless there is one: of many who try, one does it.
took() {
    set -C
    if printf '' >"$p$1"; then set +C; else set +C; return 1; fi
}
ended() {
    mark= status= o= e= how= dot=
    read -r mark status o e how dot <"${p}end"
    [ "$dot" = . ]
}
# What was read once is kept: files that somebody removed do not hide who runs. Nothing of it comes from outside.
pid= start= boot= child= now=
identified() {
    a= b= c= d=
    read -r a b c d <"${p}run"
    [ -z "$d" ] || { pid=$a start=$b boot=$c child=$d; }
    [ -n "$child" ]
}
# The pids in `run` are ours while the supervisor lives; later they may be another's.
owned() {
    identified && ! ended && [ "$boot" = "${now:-$boot}" ] && lives "$pid" "$start" || child=-
}
# When a process started; fails if it is gone, or only waits to be buried.
ticks() {
    stat= ticks=-
    read -r stat <"/proc/$1/stat" || return
    set -- ${stat##*") "}
    [ "$1" != Z ] && ticks=${20}
}
lives() {
    [ "$2" != - ] || { kill -0 "$1"; return; }
    ticks "$1" && [ "$ticks" = "$2" ]
}
