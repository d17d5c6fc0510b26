# Takes what the command is to read, whole, before the run can begin. Given: stdin (bytes), and what attach.sh knows.
#
# Nothing else comes on this channel until `got` is told, so whoever reads ahead takes nothing that is not meant.
can_receive() { command -v head >/dev/null && [ "$(printf '12' | head -c 1)" = 1 ]; }
receive() {
    in=${p}in$$
    say want
    if ! head -c "$stdin" <&3 >"$in"; then
        # Nobody else may begin it: whoever tries finds the same.
        rm -f "$in"
        took go && rm -f "$p"[!g]*
        say none stdin
        return 1
    fi
    size=$(wc -c <"$in") && [ "$((size))" = "$stdin" ] && exec 8<"$in" || { rm -f "$in"; return 1; }
    # From here on only we have it, and it is gone with us.
    rm -f "$in"
    clock
    asked=$up
    say got
    read -r word rest <&3
    [ "$word" = start ] || { took go && put run 'never - - -' && say never; return 1; }
    timely
}
