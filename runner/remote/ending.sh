# Ends a run. Variables: id (its mark) and child (the pid of its command). The run's processes are those in the session
# or group of the command, and those with the mark in their environment, as far as /proc tells; processes that the
# account may not read are not the run's. Without /proc they are the descendants and the group that `ps` shows; without
# `ps`, the command and its group.
searches() { [ -r /proc/self/environ ] && command -v grep >/dev/null; }
marked() {
    if printf 'a\000b\000' | grep -qzF b; then
        grep -lzF "SSHCAST_SPOOL=$id" /proc/[0-9]*/environ
        return
    fi
    for path in /proc/[0-9]*/environ; do
        [ -O "$path" ] && tr '\000' '\n' <"$path" | grep -qF "SSHCAST_SPOOL=$id" && printf '%s\n' "$path"
    done
}
# Search all processes. In `stat`, the fields after the name are state, parent, group and session.
rest() {
    found= group=
    if searches; then searched; elif [ "$child" != - ]; then listed; fi
}
searched() {
    for path in $(grep -lE "^$child \(|.*\) [^Z] [0-9]+ ($child [0-9]+|[0-9]+ $child) " /proc/[0-9]*/stat; marked); do
        path=${path#/proc/}
        path=${path%/*}
        case " $found " in *" $path "*) ;; *) buried "$path" || found="$found $path" ;; esac
    done
}
# A process found once stays the run's when its parent dies. One that was orphaned before is not found.
listed() {
    all=$(ps -A -o pid= -o ppid= -o pgid= -o stat= || ps -A -o pid= -o ppid= -o pgid= || ps -o pid,ppid,pgid)
    [ -n "$all" ] || { named; return; }
    grown=yes
    while [ -n "$grown" ]; do
        grown=
        while read -r one parent leader state; do
            case $state in Z*) continue ;; esac
            case " $found " in *" $one "*) continue ;; esac
            case " $family " in *" $one "* | *" $parent "* | *" $leader "*) ;; *) continue ;; esac
            family="$family $one" found="$found $one" grown=yes
        done <<X
$all
X
    done
}
named() {
    ! kill -0 "$child" || found=" $child"
    ! kill -0 "-$child" || group=-$child
}
buried() {
    stat=
    read -r stat <"/proc/$1/stat" || return 0
    case ${stat##*") "} in Z*) return 0 ;; *) return 1 ;; esac
}
# Searching all processes is expensive, so between two searches only those found are checked.
some_live() {
    for path in $found $group; do
        if [ -r /proc/self/stat ]; then ! buried "$path"; else kill -0 "$path"; fi && return
    done
    return 1
}
# The uptime in hundredths of a second, or empty.
clock() {
    up=
    read -r up x </proc/uptime
    up=${up%.*}${up#*.}
    case $up in 0*) up= ;; esac
}
# TERM, two seconds, KILL, two seconds; each is repeated for new processes. Survivors stay in `found`.
finish() {
    family=$child
    for signal in TERM KILL; do
        clock
        due=$((${up:-0} + 200)) n=0
        while rest; [ -n "$found$group" ] && [ "$n" -lt 20 ] && [ "${up:-0}" -lt "$due" ]; do
            kill -s "$signal" $found $group
            n=$((n + 1))
            clock
            while [ "$n" -lt 20 ] && [ "${up:-0}" -lt "$due" ] && some_live; do
                n=$((n + 1))
                sleep 0.1 || { sleep 1; n=$((n + 9)); }
                clock
            done
        done
        [ -n "$found$group" ] || return
    done
}
# Only the mark proves that none is left: a process may have left its parent and its group.
fate() {
    if searches || [ -n "$found" ]; then printf 'alive%s\n' "$found"; else printf 'unsure\n'; fi
}
