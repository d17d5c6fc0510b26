# What a durable run needs on its target: a folder for its files, two pipes, and programs. Shared by attach.sh and check.sh.
# Variables: nonce, id, and stdin (bytes of standard input, else empty). It calls functions of spool.sh.
say() { printf '%s %s\n' "$nonce" "$*" >&5; }
# Call the function $1 for each folder that may hold the files of runs, until it succeeds.
bases() {
    for base in "$HOME/.sshcast" "/var/tmp/.sshcast-$me" "/tmp/.sshcast-$me" "${XDG_RUNTIME_DIR:-/dev/shm}/.sshcast-$me"; do
        p=$base/$id
        "$1" && return
    done
}
made() {
    housed "$base" && pipes || return
    # Allocate their blocks now and overwrite them later, so that a disk that fills up cannot prevent the exit record.
    for name in run stop end; do
        [ -s "$p$name" ] || printf '%127s\n' '' >>"$p$name" || { rm -f "$p"*; return 1; }
    done
    printf '' >>"${p}out" && printf '' >>"${p}err"
}
# The supervisor needs pipes that it can open by name: those of /proc, or FIFOs if the folder allows them.
pipes() {
    exec 6<<X
x
X
    read -r x <&6
    [ ! -p /proc/self/fd/6 ] || ! true 7>/proc/self/fd/6 || { exec 6<&-; return; }
    exec 6<&-
    command -v mkfifo >/dev/null || { lacks=mkfifo; return 1; }
    mkfifo "${p}5" "${p}7"
    [ -p "${p}5" ] && [ -p "${p}7" ]
}
# Check now for programs that are needed only later. `wc` counts bytes where /proc does not tell sizes.
equipped() {
    count=
    [ -r /proc/self/fdinfo/0 ] || count=wc
    lacks=
    for name in cat tail rm sleep mkdir $count ${polls:+dd} ${stdin:+wc}; do
        command -v "$name" >/dev/null || lacks="$lacks $name"
    done
    [ -z "$stdin" ] || can_receive || lacks="$lacks head"
    [ -z "$lacks" ]
}
# A login file may have redirected stderr: output sent there would get lost, or arrive as stdout.
apart() {
    [ -e /proc/self/fd/4 ] || return 0
    { [ -p /proc/self/fd/4 ] || [ -S /proc/self/fd/4 ]; } && ! [ /proc/self/fd/4 -ef /proc/self/fd/5 ]
}
# The command gets the account's umask; our own files get one that keeps others out and lets us in.
mask_files() {
    { read -r x x; read -r x mask; } </proc/self/status
    [ "$x" = Umask: ] || mask=$(umask)
    umask 077
}
# The path of a program, for programs that must be told apart or be found after the command's PATH is set.
placed() {
    IFS=:
    for path in $PATH; do
        path=$path/$1
        [ -x "$path" ] && break
        path=
    done
    unset IFS
}
# Set me, polls (busybox's tail cannot follow files for us, so output is polled) and session (the path of setsid).
find_programs() {
    me=${LOGNAME:-${USER:-me}}
    placed tail
    polls=
    [ "$path" -ef /bin/busybox ] && polls=polls
    placed setsid
    session=$path
}
