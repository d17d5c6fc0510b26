# Runs the command in a session of its own, whether or not anybody watches, and records how it ended.
# Arguments: p, id, nonce, boot id, output cap in bytes, setsid, and the command's words. Stdin is the command's;
# stdout and 4 are the two outputs of the channel that began it, for as long as there is one.
p=$1 id=$2 nonce=$3 boot=$4 cap=$5 session=$6
shift 6
exports=$SSHCAST_EXPORTS
unset SSHCAST_EXPORTS
say() { printf '%s %s\n' "$nonce" "$*"; }
# Two pipes, 5 to 6 and 7 to 8. Not files: a command that opens /dev/stderr anew would empty a file. A short
# here-document is a pipe, which Linux lets us open for writing too; where it is not, attach.sh has made named ones.
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
# The kernel ends a writer at the cap; the command's next write then ends the command.
writer() {
    ulimit -c 0
    ulimit -f $((cap / 512 + 1))
    exec cat
}
began() {
    child=
    read -r child x </proc/self/stat || { /bin/sh -c 'echo $PPID >"$1"' sh "${p}pid"; read -r child <"${p}pid"; }
    # The subshells of ksh are no processes before they have to be: the mark tells, and not a pid that is ours.
    [ "$child" != "$$" ] || child=-
    put run "$$ $self $boot $child"
    # Who saw the supervisor dead and no command holds this for a run that never began.
    lives "$$" "$self" || exit
    say is "$$" "$self" "$boot" "$child"
}
# /proc shows no program for what only waits to be buried; without /proc, what has ended is gone once we waited for anything.
writing() {
    for w in $w1 $w2; do
        if [ "$self" = - ]; then kill -0 "$w"; else [ -e "/proc/$w/exe" ]; fi && return
    done
}
# To look costs a few us, to give way to others 0.1 ms, to sleep 1 ms.
pause() {
    case $n in
        ? | ?? | 1??) ;;
        200 | 201 | 202) ( : ) ;;
        203 | 204) sleep 0.005 ;;
        205 | 209) sizes; before=$((o + e)); sleep 0.1 ;;
        *) sleep 0.1 ;;
    esac || { sizes; before=$((o + e)); sleep 1; n=214; }
}
# Where /proc does not tell, from 5 and 7, which are open on the files: those themselves may have been removed.
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
# What is little and plain is told without a process. The shell may lose other bytes than these.
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
    exec >&6 2>&8 3>&- 4>&- 5<&- 6>&- 7<&- 8>&- 9>&-
    trap - PIPE
    [ -z "$session" ] || trap - HUP
    # From here on the variables are the command's: one of its own may be named as one of ours.
    set -- "$id" ${session:+"$session"} "$@"
    eval "$exports"
    export SSHCAST_SPOOL="$1"
    shift
    exec "$@"
)
status=$?
exec 6>&- 8>&-
# The writers end at once, unless something that the command left running holds the pipes: it gets a second.
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
# A short run is over before anybody follows its output: then all of it is told here.
if took tails; then
    told "$o" out
    told "$e" err >&4
fi
say end "$status" "$o" "$e" "${why:--}"
