# Ending a run. Given: id, its mark, and child, its command: whatever is in the session or group of the command, and
# whatever carries the mark in its environment, as far as /proc tells. What the account may not read is another's.
marked() {
    if printf 'a\000b\n' | grep -qF b; then
        grep -lF "SSHCAST_SPOOL=$id" /proc/[0-9]*/environ
        return
    fi
    for path in /proc/[0-9]*/environ; do
        [ -O "$path" ] && tr '\000' '\n' <"$path" | grep -qF "SSHCAST_SPOOL=$id" && printf '%s\n' "$path"
    done
}
rest() {
    found=
    [ -r /proc/self/stat ] || { kill -0 "-$child" && found=-$child; return; }
    for path in /proc/[0-9]*/stat; do
        stat=
        read -r stat <"$path" || continue
        set -- "${stat%% *}" ${stat##*) }
        case " $1 $4 $5 " in *" $child "*) [ "$2" = Z ] || found="$found $1" ;; esac
    done
    for path in $(marked); do
        path=${path#/proc/}
        case " $found " in *" ${path%/environ} "*) ;; *) found="$found ${path%/environ}" ;; esac
    done
}
# TERM, three seconds, KILL. What is left after that is found.
finish() {
    for signal in TERM KILL; do
        n=0
        while rest; [ -n "$found" ] && [ "$n" -lt 20 ]; do
            [ "$n" != 0 ] && [ "$signal" = TERM ] || kill -s "$signal" $found
            n=$((n + 1))
            sleep 0.1 || { sleep 1; n=$((n + 9)); }
        done
        [ -n "$found" ] || return
    done
}
# Nobody can tell without /proc.
fate() {
    if [ -r /proc/self/environ ]; then printf 'alive%s\n' "$found"; else printf 'unsure\n'; fi
}
