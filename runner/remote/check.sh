# Tells what the target has for runs. Variables: nonce, id and stdin. spool.sh and require.sh precede this.
#
# A line for each step, in this order, as `NONCE STEP VALUE`:
#   login-shell   its path, if the server tells it
#   setsid        its path, or nothing
#   proc          the files of /proc that cannot be read, or nothing
#   programs      the programs that are missing, or nothing
#   folder        the folder for the files of runs; or `-`, and `stderr` if login files lead stderr elsewhere, or
#                 `mkfifo` if that is missing and there are no other pipes
#   clock         seconds since 1970, with a fraction if `date` knows it
# Try to make the files of a run, and remove them.
tried() {
    made
    set -- $?
    rm -f "$p"*
    return $1
}
unreadable() {
    lacks=
    for path in self/stat self/environ self/fdinfo/0 sys/kernel/random/boot_id; do
        [ -r "/proc/$path" ] || lacks="$lacks /proc/$path"
    done
}
main() {
    mask_files
    find_programs
    say login-shell "$SHELL"
    say setsid "$session"
    unreadable
    say proc $lacks
    equipped
    say programs $lacks
    lacks=
    if ! apart; then
        say folder - stderr
    elif command -v rm >/dev/null && bases tried; then
        say folder "$base"
    else
        say folder - $lacks
    fi
    say clock "$(date +%s.%N)"
}
exec 3<&0 4>&2 5>&1 2>/dev/null
main; exit
