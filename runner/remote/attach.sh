# Begin a run if it was never begun, else attach to it; tell of it and hear words about it.
#
# Given: id, nonce, out and err (bytes of its output that are known), limit (seconds that are left), cap (bytes), how
# (`start`; `known`: it was begun for certain; `never`: see that it never will be), soon (hundredths of a second in
# which it may still begin), stdin (bytes that the command is to read, else nothing), exports, argv (the command, as quoted
# words), and the texts spool, ending, supervisor and watcher. With bytes to read, stdin.sh stands before this.
#
# A line that begins with the nonce is for the caller, wherever it stands in stdout:
#   NONCE begin WAY POLLS P     from here on both streams are the command's; WAY is `fresh` or `attached`
#   NONCE none NAMES            nothing was begun: these programs are missing, or stderr leads elsewhere; without NAMES
#                               no folder can be written; `stdin`: what the command is to read could not be kept
#   NONCE want | got            all that the command is to read is to come now; it is here, and `start` is to come
#   NONCE never                 it was not begun, and never will be
#   NONCE again                 somebody else begins it right now: attach again
#   NONCE is PID START BOOT CHILD
#   NONCE end STATUS OUT ERR WHY    WHY is `timeout`, `output` or `cancelled`: it was ended for that; `full`: the disk was;
#                               `left`: what the command left running still held its output open a second after the
#                               command; `cut`: and was still writing; else `-`
#   NONCE lost WHY
#   NONCE alive PIDS | unsure   after `stop` and `finish`
# Words of the caller, a line each:
#   start         begin, after `got`; any other word instead: never
#   follow        send output as it comes (of a fresh run; else it is sent anyhow)
#   guard         see that somebody watches the time limit (also done when the caller goes away, or attaches)
#   look          send what is new, where output has to be polled, and tell whether the run has ended
#   stop WHY      record why, and end the run
#   finish        end what is left of it
#   clear [keep]  remove its files, and keep the mark that it was begun
say() { printf '%s %s\n' "$nonce" "$*" >&5; }
bases() {
    for base in "$HOME/.sshcast" "/var/tmp/.sshcast-$me" "/tmp/.sshcast-$me" "${XDG_RUNTIME_DIR:-/dev/shm}/.sshcast-$me"; do
        p=$base/$id
        "$1" && return
    done
}
present() { [ -O "$base" ] && [ -e "${p}go" ] && [ -O "${p}go" ]; }
made() {
    housed "$base" && pipes || return
    # Their blocks are taken now and overwritten later, so that a disk that fills up cannot keep the end from being told.
    for name in run stop end; do
        [ -s "$p$name" ] || printf '%127s\n' '' >>"$p$name" || { rm -f "$p"*; return 1; }
    done
    printf '' >>"${p}out" && printf '' >>"${p}err"
}
# The supervisor needs pipes that it can open by a name: those of /proc, or named ones, where the folder takes them.
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
# What would be missed only once the run goes on. `wc` tells sizes where /proc does not.
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
# A login file may have tied stderr to something else: what we send there would not come, or come as stdout.
apart() {
    [ -e /proc/self/fd/4 ] || return 0
    { [ -p /proc/self/fd/4 ] || [ -S /proc/self/fd/4 ]; } && ! [ /proc/self/fd/4 -ef /proc/self/fd/5 ]
}
# Who waits for a beginning that does not come holds the run for one that never began.
timely() {
    clock
    [ -z "$asked" ] || [ $((up - asked)) -lt "$soon" ]
}
# The command gets the mask that the account has; our own files are for nobody else, and for us in any case.
mask_files() {
    { read -r x x; read -r x mask; } </proc/self/status
    [ "$x" = Umask: ] || mask=$(umask)
    umask 077
}
# Where a program is, for what has to be told apart or outlive a PATH of the command.
placed() {
    IFS=:
    for path in $PATH; do
        path=$path/$1
        [ -x "$path" ] && break
        path=
    done
    unset IFS
}
begin() {
    way=$1
    printf '%s begin\n' "$nonce" >&4
    say begin "$way" "${polls:--}" "$p"
}
# The variables of the command may be secret: all may see the arguments of a process, but not its environment.
supervise() {
    export SSHCAST_EXPORTS="umask $mask
$exports"
    eval "set -- $argv"
    [ -n "$stdin" ] || exec 8</dev/null
    exec ${session:+"$session"} /bin/sh -c "$spool$supervisor" sshcast "$p" "$id" "$nonce" "$now" "$cap" "$session" \
        "$@" <&8 >&5 3<&- 5>&- 8<&-
}
guard() {
    identified
    if ended || { [ ! -e "${p}run" ] && ! alive; }; then return; fi
    w= s=
    read -r w s <"${p}watch" && lives "$w" "$s" && return
    ${session:+"$session"} /bin/sh -c "$spool$ending$watcher" sshcast "$p" "$id" "$limit" "$since" \
        $pid $start $boot $child </dev/null >/dev/null 3<&- 4>&- 5>&- &
    guarding=$!
}
follow() {
    [ -z "$following" ] || return
    following=1
    identified
    [ "$way" = attached ] || took tails || return
    [ -r "${p}out" ] && [ -r "${p}err" ] || return
    if [ -n "$polls" ]; then
        exec 6<"${p}out" 7<"${p}err"
        dd bs=1 count=0 skip="$out" <&6
        dd bs=1 count=0 skip="$err" <&7
    else
        tail -c +$((out + 1)) -f "${p}out" >&5 &
        tails=$!
        tail -c +$((err + 1)) -f "${p}err" >&4 &
        tails="$tails $!"
    fi
}
# Two forks for each look at a run that says nothing would be many.
behind() {
    here=- there=-
    read -r x here </proc/self/fdinfo/$1
    read -r x there <"/proc/$pid/fdinfo/$2"
    [ "$here" != "$there" ] || [ "$here" = - ]
}
pour() {
    [ -n "$polls" ] && [ -n "$following" ] || return
    if behind 6 3; then cat <&6 >&5; fi
    if behind 7 9; then cat <&7 >&4; fi
}
alive() {
    why=rebooted
    [ "$boot" = "$now" ] || return
    why=killed
    lives "$pid" "$start"
}
# Its supervisor died before the command could start.
unborn() { [ "$child" = none ] && ! alive && identified && [ "$child" = none ]; }
tell_end() { say end "$status" "$o" "$e" "$how"; }
look() {
    [ -n "$joined" ] || { join; return; }
    identified || return
    ! unborn || { say never; return; }
    if ended || { ! alive && ended; }; then
        pour
        tell_end
    else
        alive || { ended || say lost "$why"; }
        pour
    fi
}
# Whoever began it may not have come to say who it is.
join() {
    identified || return
    if [ "$child" = none ] && alive; then return; fi
    joined=1
    if [ "$pid" = never ] || unborn; then say never; return; fi
    say is "$pid" "$start" "$boot" "$child"
    if ended || ! alive; then
        tail -c +$((out + 1)) "${p}out" >&5
        tail -c +$((err + 1)) "${p}err" >&4
        if ended; then tell_end; else say lost "$why"; fi
    else
        follow
        guard
    fi
}
finished() {
    owned
    finish
    say "$(fate)"
}
clear() {
    halt
    # Who ended the run could not find its watcher.
    [ -z "$guarding" ] || [ -e "${p}watch" ] || kill "$guarding"
    [ "$1" != keep ] || exec rm -f "$p"[!g]*
    exec rm -f "$p"*
}
halt() { [ -z "$tails" ] || kill $tails; }
hear() {
    following= tails= joined= guarding=
    # Some servers end what a channel left, with a warning.
    trap leave HUP TERM
    if [ "$way" = fresh ]; then joined=1; else join; fi
    while read -r word rest <&3; do
        case $word in
            follow) follow ;;
            guard) guard ;;
            look) look ;;
            stop) put stop "$rest"; finished ;;
            finish) finished ;;
            clear) clear "$rest" ;;
        esac
    done
    leave
}
# Nobody listens any more: the run goes on, and this channel's shell need not wait for it.
leave() {
    halt
    guard
    kill -9 $$
}
main() {
    now=-
    read -r now </proc/sys/kernel/random/boot_id
    clock
    since=$up asked=$up
    mask_files
    me=${LOGNAME:-${USER:-me}}
    placed tail
    polls=
    [ "$path" -ef /bin/busybox ] && polls=polls
    placed setsid
    session=$path
    if bases present; then
        begin attached
    elif [ "$how" = known ]; then
        say lost vanished
    elif ! apart; then
        say none stderr
    elif ! equipped || ! bases made; then
        say none $lacks
    elif ! timely; then
        exit
    elif [ "$how" = never ] && took go; then
        put run 'never - - -'
        begin attached
    elif [ -n "$stdin" ] && ! receive; then
        exit
    else
        begin fresh || exit
        supervise | { exec 8<&-; hear; }
        exit
    fi
    hear
}
exec 3<&0 4>&2 5>&1 2>/dev/null
eval "$spool$ending"
# One line: nothing of this text may be left for the reader of stdin.
main; exit
