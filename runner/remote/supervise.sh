# Supervises a run: starts the command in a session of its own, independent of any channel, and records its exit.
# Arguments: p, id, nonce, boot id, output cap in bytes, setsid, 6 if stderr goes where stdout goes (else empty), and
# the command's words. Stdin is the command's; stdout and 4 are the two outputs of the channel that started it, for as long as it is open.
p=$1 id=$2 nonce=$3 boot=$4 cap=$5 session=$6 errors=${7:-8}
shift 7
exports=$SSHCAST_EXPORTS
unset SSHCAST_EXPORTS
say() { printf '%s %s\n' "$nonce" "$*"; }
# Two pipes, 6 to 5 and 8 to 7. Not files: a command that opens /dev/stderr again would truncate a file. A short
# here-document is a pipe, which Linux allows to be opened for writing too; where it is not, attach.sh made FIFOs.
pipes() {
    exec 5<<X 7<<X
x
X
x
X
    read -r x <&5
    read -r x <&7
    if [ -p /proc/self/fd/5 ] && true 6>/proc/self/fd/5; then
        exec 6>/proc/self/fd/5 8>/proc/self/fd/7
    else
        exec 6<>"${p}5" 8<>"${p}7" 5<"${p}5" 7<"${p}7"
        exec 6>"${p}5" 8>"${p}7"
    fi
}
# The kernel ends a writer at the cap; the command's next write then fails with SIGPIPE.
writer() {
    ulimit -c 0
    ulimit -f $((cap / 512 + 1))
    exec cat
}
began() {
    child=
    read -r child x </proc/self/stat || { /bin/sh -c 'echo $PPID >"$1"' sh "${p}pid"; read -r child <"${p}pid"; }
    # ksh forks a subshell only when it must, so the pid may be the supervisor's own: then only the mark identifies it.
    [ "$child" != "$$" ] || child=-
    put run "$$ $self $boot $child"
    # An attachment that finds the supervisor dead and no command takes the run for one that never started.
    lives "$$" "$self" || exit
    say is "$$" "$self" "$boot" "$child"
}
# In /proc a zombie has no program; without /proc an ended writer is gone once the shell has waited for any child.
writing() {
    for w in $w1 $w2; do
        if [ "$self" = - ]; then kill -0 "$w"; else [ -e "/proc/$w/exe" ]; fi && return
    done
}
# A check costs a few us, yielding 0.1 ms, a sleep 1 ms.
pause() {
    case $n in
        ? | ?? | 1??) ;;
        200 | 201 | 202) ( : ) ;;
        203 | 204) sleep 0.005 ;;
        205 | 209) sizes; before=$((o + e)); sleep 0.1 ;;
        *) sleep 0.1 ;;
    esac || { sizes; before=$((o + e)); sleep 1; n=214; }
}
# Without /proc, sizes are counted through 5 and 7, which are open on the files: the names may have been removed.
sizes() {
    size 3 5
    o=$bytes
    size 9 7
    e=$bytes
}
size() {
    bytes=
    read -r x bytes <"/proc/$$/fdinfo/$1" || bytes=$(wc -c <&"$2")
    bytes=$((bytes))
}
reason() {
    why=
    read -r why <"${p}stop"
    [ -z "$why" ] || return
    if [ $((o + e)) -gt "$cap" ]; then why=output; return; fi
    if writing; then
        why=left
        [ $((o + e)) = "$before" ] || why=cut
        return
    fi
    for w in $w1 $w2; do
        wait "$w"
        [ $? != 1 ] || why=full
    done
}
# Send short plain text without a further process. Other bytes might get lost in the shell.
told() {
    [ "$1" != 0 ] || return
    LC_ALL=C text= line=
    [ "$1" -gt 2000 ] || while IFS= read -r line; do
        text="$text$line
"
    done <"$p$2"
    text=$text$line
    case $text in *[!"$IFS"!-~]*) text= ;; esac
    if [ "${#text}" = "$1" ]; then printf %s "$text"; else cat "$p$2"; fi
}
took go || { if [ -e "${p}go" ]; then say again; else say none; fi; exit; }
trap '' HUP PIPE
ticks $$
self=$ticks
put run "$$ $self $boot none"
pipes
exec 3>>"${p}out" 9>>"${p}err"
writer <&5 >&3 3>&- 4>&- 6>&- 7<&- 8>&- 9>&- &
w1=$!
writer <&7 >&9 3>&- 4>&- 5<&- 6>&- 8>&- 9>&- &
w2=$!
exec 5<"${p}out" 7<"${p}err"
(
    began
    exec >&6 2>&"$errors" 3>&- 4>&- 5<&- 6>&- 7<&- 8>&- 9>&-
    trap - PIPE
    [ -z "$session" ] || trap - HUP
    # From here on the variables are the command's, which may have the names of ours.
    set -- "$id" ${session:+"$session"} "$@"
    eval "$exports"
    export SSHCAST_SPOOL="$1"
    shift
    exec "$@"
)
status=$?
exec 6>&- 8>&-
# The writers end at once, unless a process left behind holds the pipes: it gets a second.
n=0 before=
while writing && [ "$n" -lt 214 ]; do
    n=$((n + 1))
    pause
done
sizes
reason
put end "E $status $o $e ${why:--} ."
w= s=
read -r w s <"${p}watch" && lives "$w" "$s" && { kill -TERM "-$w" || kill -TERM "$w"; }
# A short run ends before an attachment follows its output: then all of it is sent here.
if took tails; then
    if [ "$o" != 0 ] && [ "$e" != 0 ] && [ "${p}out" -nt "${p}err" ]; then
        say order 0 "$e"
        say ordered
    fi
    told "$o" out
    told "$e" err >&4
fi
say end "$status" "$o" "$e" "${why:--}"
