# Run a command on this channel. Given: the nonce and the command's words as arguments, and its variables.
# For a command that is to read what comes on this channel, program.py leaves the two `</dev/null` out.
#
# A line that begins with the nonce is for the caller, as in attach.sh:
# What cannot be said is not begun: a shell with hardly any descriptors loses its stdout and goes on.
#   NONCE begin direct      from here on both streams are the command's, and the channel's exit is the command's
#   NONCE begin watched     the same, but something between us and the server may put its own exit in place of ours
#   NONCE end STATUS 0 0 -  how a watched command ended
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
