# Runs a command on this channel. Arguments: the nonce and the command's words; its variables are set.
# For a command with standard input, which comes on this channel, program.py leaves the two `</dev/null` out.
#
# If `begin` cannot be written, the command is not started: a shell short of descriptors loses its stdout and goes on.
# A line that begins with the nonce is a report to the caller, as in attach.sh:
#   NONCE begin direct      from here on both streams are the command's, and the channel's exit is the command's
#   NONCE begin watched     the same, but a program between the server and this shell may replace the exit
#   NONCE end STATUS 0 0 -  the exit status of a watched command
sshcast_parent=
{ read -r sshcast_parent <"/proc/$PPID/comm"; } 2>/dev/null
printf '%s begin\n' "$1" >&2
case $sshcast_parent in
    sshd | sshd-session | dropbear | tinysshd)
        printf '%s begin direct\n' "$1" || exit
        shift
        exec "$@" </dev/null
        ;;
esac
printf '%s begin watched\n' "$1" || exit
(shift; exec "$@") </dev/null
printf '%s end %s 0 0 -\n' "$1" "$?"
exit
