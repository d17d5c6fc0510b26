# The files of a run, shared by all programs. Variable: p, the prefix of their names.
#   go     the begin marker: it exists once the run was started, or never will be
#   run    PID START BOOT CHILD: the supervisor, its start (ticks since boot), the boot id, the command (`none`: not
#          started yet); or `never`
#   stop   the reason to stop it
#   end    E STATUS OUT ERR WHY .
#   order  OUT ERR: marks of the watcher, each a size of stdout and the size of stderr after what was written next
#   out, err, tails (exists while an attachment follows the output), watch (PID START of the watcher)
# Write a record; if the folder was removed it is made again, so that stop reasons and exits are not lost.
put() {
    housed "${p%/*}" && printf '%-127s\n' "$2" 1<>"$p$1"
}
# A folder that only this account can use, and not a link.
housed() {
    [ -d "$1" ] || mkdir -m 700 "$1" || [ -d "$1" ] || return
    [ -O "$1" ] && [ ! -h "$1" ]
}
# Create a file exclusively: of several processes that try, one succeeds.
took() {
    set -C
    if printf '' >"$p$1"; then set +C; else set +C; return 1; fi
}
ended() {
    mark= status= o= e= how= dot=
    read -r mark status o e how dot <"${p}end"
    [ "$dot" = . ]
}
# Values once read are kept, so that removed files do not hide the run. None of them is inherited.
pid= start= boot= child= now=
identified() {
    a= b= c= d=
    read -r a b c d <"${p}run"
    [ -z "$d" ] || { pid=$a start=$b boot=$c child=$d; }
    [ -n "$child" ]
}
# The pids in `run` are valid while the supervisor lives; later they may be reused.
owned() {
    identified && ! ended && [ "$boot" = "${now:-$boot}" ] && lives "$pid" "$start" || child=-
}
# The start of a process; fails if it is gone or a zombie.
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
