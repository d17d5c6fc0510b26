# Starts a run, or attaches to it if it was started before; then reports on it and obeys the caller.
#
# Variables set by program.py: id, nonce, out and err (bytes of output that the caller has), limit (seconds left), cap
# (bytes), how (`start`; `known`: it surely was started; `never`: prevent any later start), soon (hundredths of a second
# within which it may still start), merged (1 if stderr goes where stdout goes, else empty), stdin (bytes of standard input, else empty), exports, argv (the command, as quoted
# words), and the texts spool, ending, supervisor and watcher. require.sh precedes this, and stdin.sh if there is standard
# input.
#
# A line that begins with the nonce is a report to the caller, wherever it stands in stdout:
#   NONCE begin WAY POLLS P     from here on both streams are the command's; WAY is `fresh` or `attached`
#   NONCE none NAMES            nothing was started: these programs are missing, or stderr is redirected; without NAMES
#                               no folder can be written; `stdin`: standard input could not be stored
#   NONCE want | got            the caller has to send standard input; all of it arrived, and `start` has to follow
#   NONCE never                 it was not started, and never will be
#   NONCE again                 another attachment is starting it right now: attach again
#   NONCE is PID START BOOT CHILD
#   NONCE end STATUS OUT ERR WHY    WHY is `timeout`, `output` or `cancelled` if it was stopped for that; `full`: the
#                               disk was full; `left`: a process left behind still held the output open a second after
#                               the command had ended; `cut`: and was still writing; else `-`
#   NONCE order OUT ERR         a mark: so much of stdout was written before so much of stderr; output has to wait for
#   NONCE ordered [ERR]         this: no more marks come for stderr up to byte ERR, or for all of it. Stderr has a way of
#                               its own and may arrive before its marks, so the caller holds it until then
#   NONCE lost WHY
#   NONCE alive PIDS | unsure   after `stop` and `finish`
# Commands of the caller, a line each:
#   start         start the run, after `got`; after any other line it never starts
#   follow        send output as it comes (of a fresh run; that of others is sent anyway)
#   guard         start a watcher of the time limit (also done when the caller goes away, or attaches)
#   look          send new output, where it has to be polled, and report whether the run has ended
#   stop WHY      record why, and end the run
#   finish        end its remaining processes
#   clear [keep]  remove its files; with `keep` the begin marker stays
present() { [ -O "$base" ] && [ -e "${p}go" ] && [ -O "${p}go" ]; }
# A caller that gets no `begin` in time takes the run for one that never started, so it must not start late.
timely() {
    clock
    [ -z "$asked" ] || [ $((up - asked)) -lt "$soon" ]
}
begin() {
    way=$1
    printf '%s begin\n' "$nonce" >&4
    say begin "$way" "${polls:--}" "$p"
}
# The command's variables may be secret, so they are passed in the environment: arguments are visible to all users.
supervise() {
    export SSHCAST_EXPORTS="umask $mask
$exports"
    eval "set -- $argv"
    [ -n "$stdin" ] || exec 8</dev/null
    exec ${session:+"$session"} /bin/sh -c "$spool$supervisor" sshcast "$p" "$id" "$nonce" "$now" "$cap" "$session" \
        "${merged:+6}" "$@" <&8 >&5 3<&- 5>&- 8<&-
}
guard() {
    identified
    if ended || { [ ! -e "${p}run" ] && ! alive; }; then return; fi
    w= s=
    read -r w s <"${p}watch" && lives "$w" "$s" && return
    records=${polls:-${session:+tails}}
    ${session:+"$session"} /bin/sh -c "$spool$ending$watcher" sshcast "$p" "$id" "$limit" "$since" \
        "${merged:--$records}" $pid $start $boot $child </dev/null >/dev/null 3<&- 4>&- 5>&- &
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
        recall
        say ordered
        tail -c +$((out + 1)) -f "${p}out" >&5 &
        tails=$!
        tail -c +$((err + 1)) -f "${p}err" >&4 &
        tails="$tails $!"
    fi
}
# Compare offsets first, to save two forks in each look at a silent run.
behind() {
    here=- there=-
    read -r x here </proc/self/fdinfo/$1
    read -r x there <"/proc/$pid/fdinfo/$2"
    [ "$here" != "$there" ] || [ "$here" = - ]
}
pour() {
    [ -n "$polls" ] && [ -n "$following" ] || return
    if behind 7 9 && err=$here && behind 6 3; then recall; fi
    if behind 6 3; then cat <&6 >&5; fi
    behind 7 9 || return
    cat <&7 >&4
    read -r x here </proc/self/fdinfo/7
    say ordered "$here"
}
# What of this that the caller does not have was written before what. The newest is in no record yet.
recall() {
    [ -z "$merged" ] && [ -s "${p}out" ] && [ -s "${p}err" ] || return
    while read -r before after x; do
        [ "$after" -gt "$err" ] || continue
        say order "$before" "$after"
    done <"${p}order"
    if [ "${p}out" -nt "${p}err" ]; then
        after=$e
        read -r x after <"/proc/$pid/fdinfo/9"
        say order 0 "$after"
    fi
}
alive() {
    why=rebooted
    [ "$boot" = "$now" ] || return
    why=killed
    lives "$pid" "$start"
}
# True if its supervisor died before the command could start.
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
# The supervisor of an earlier start may not have recorded its identity yet.
join() {
    identified || return
    if [ "$child" = none ] && alive; then return; fi
    joined=1
    if [ "$pid" = never ] || unborn; then say never; return; fi
    say is "$pid" "$start" "$boot" "$child"
    if ended || ! alive; then
        recall
        say ordered
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
    # The watcher may have started too late to be found when the run ended.
    [ -z "$guarding" ] || [ -e "${p}watch" ] || kill "$guarding"
    [ "$1" != keep ] || exec rm -f "$p"[!g]*
    exec rm -f "$p"*
}
halt() { [ -z "$tails" ] || kill $tails; }
hear() {
    following= tails= joined= guarding=
    # Some servers signal the processes of a closed channel.
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
# The caller is gone: the run goes on, and this channel's shell need not wait for it.
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
    find_programs
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
# On one line: none of this text may be left in the input of the shell that reads stdin.
main; exit
