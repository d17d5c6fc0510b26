# Receives all of the command's standard input before the run starts. Variables: stdin (bytes), and those of attach.sh.
#
# Nothing else comes on this channel until `got` is sent, so reading ahead takes only standard input.
can_receive() { command -v head >/dev/null && [ "$(printf '12' | head -c 1)" = 1 ]; }
receive() {
    in=${p}in$$
    say want
    if ! head -c "$stdin" <&3 >"$in"; then
        # No other attachment may start it: it would find the same problem.
        rm -f "$in"
        took go && rm -f "$p"[!g]*
        say none stdin
        return 1
    fi
    size=$(wc -c <"$in") && [ "$((size))" = "$stdin" ] && exec 8<"$in" || { rm -f "$in"; return 1; }
    # From here on only this process holds the file open, and it is gone when the process ends.
    rm -f "$in"
    clock
    asked=$up
    say got
    read -r word rest <&3
    [ "$word" = start ] || { took go && put run 'never - - -' && say never; return 1; }
    timely
}
