id='@ID@'
nonce='@NONCE@'
out='0'
err='0'
limit='@LIMIT@'
cap='@CAP@'
how='start'
script='@SCRIPT@'
exports=''
spool='put() { printf '\''%-127s\n'\'' "$2" 1<>"$p$1"; }
took() {
set -C
if printf '\'''\'' >"$p$1"; then set +C; else set +C; return 1; fi
}
ended() {
mark= status= o= e= how= dot=
read -r mark status o e how dot <"${p}end"
[ "$dot" = . ]
}
identified() {
pid= start= boot= child=
read -r pid start boot child <"${p}run"
[ -n "$child" ]
}
owned() {
identified && ! ended && [ "$boot" = "${now:-$boot}" ] && lives "$pid" "$start" || child=-
}
ticks() {
stat= ticks=-
read -r stat <"/proc/$1/stat" || return
set -- ${stat##*) }
[ "$1" != Z ] && ticks=${20}
}
lives() {
[ "$2" != - ] || { kill -0 "$1"; return; }
ticks "$1" && [ "$ticks" = "$2" ]
}
'
ending='marked() {
if printf '\''a\000b\000'\'' | grep -qzF b; then
grep -lzF "SSHCAST_SPOOL=$id" /proc/[0-9]*/environ
return
fi
for path in /proc/[0-9]*/environ; do
[ -O "$path" ] && tr '\''\000'\'' '\''\n'\'' <"$path" | grep -qF "SSHCAST_SPOOL=$id" && printf '\''%s\n'\'' "$path"
done
}
rest() {
found=
[ -r /proc/self/stat ] || { kill -0 "-$child" && found=-$child; return; }
for path in $(grep -lE "^$child \(|.*\) [^Z] [0-9]+ ($child [0-9]+|[0-9]+ $child) " /proc/[0-9]*/stat; marked); do
path=${path#/proc/}
path=${path%/*}
case " $found " in *" $path "*) ;; *) buried "$path" || found="$found $path" ;; esac
done
}
buried() {
stat=
read -r stat <"/proc/$1/stat" || return 0
case ${stat##*) } in Z*) return 0 ;; *) return 1 ;; esac
}
some_live() {
[ -r /proc/self/stat ] || { kill -0 "-$child"; return; }
for path in $found; do
buried "$path" || return 0
done
return 1
}
clock() {
up=
read -r up x </proc/uptime
up=${up%.*}${up#*.}
case $up in 0*) up= ;; esac
}
finish() {
for signal in TERM KILL; do
clock
due=$((${up:-0} + 200)) n=0
while rest; [ -n "$found" ] && [ "$n" -lt 20 ] && [ "${up:-0}" -lt "$due" ]; do
kill -s "$signal" $found
n=$((n + 1))
clock
while [ "$n" -lt 20 ] && [ "${up:-0}" -lt "$due" ] && some_live; do
n=$((n + 1))
sleep 0.1 || { sleep 1; n=$((n + 9)); }
clock
done
done
[ -n "$found" ] || return
done
}
fate() {
if [ -r /proc/self/environ ]; then printf '\''alive%s\n'\'' "$found"; else printf '\''unsure\n'\''; fi
}
'
supervisor='p=$1 id=$2 nonce=$3 boot=$4 cap=$5 session=$6 script=$7
exports=$SSHCAST_EXPORTS
unset SSHCAST_EXPORTS
say() { printf '\''%s %s\n'\'' "$nonce" "$*"; }
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
mkfifo "${p}5" "${p}7"
exec 6<>"${p}5" 8<>"${p}7" 5<"${p}5" 7<"${p}7"
exec 6>"${p}5" 8>"${p}7"
fi
}
writer() {
ulimit -c 0
ulimit -f $((cap / 512 + 1))
exec cat
}
began() {
child=
read -r child x </proc/self/stat || { /bin/sh -c '\''echo $PPID >"$1"'\'' sh "${p}pid"; read -r child <"${p}pid"; }
put run "$$ $self $boot $child"
say is "$$" "$self" "$boot" "$child"
}
writing() {
for w in $w1 $w2; do
if [ "$self" = - ]; then kill -0 "$w"; else [ -e "/proc/$w/exe" ]; fi && return
done
}
pause() {
case $n in
? | ?? | 1??) ;;
200 | 201 | 202) ( : ) ;;
203 | 204) sleep 0.005 ;;
*) sleep 0.1 ;;
esac || { sleep 1; n=214; }
}
size() {
bytes=
read -r x bytes <"/proc/$$/fdinfo/$1" || bytes=$(wc -c <"$p$2")
bytes=$((bytes))
}
reason() {
why=
read -r why <"${p}stop"
[ -z "$why" ] || return
if [ $((o + e)) -gt "$cap" ]; then why=output; return; fi
writing && return
for w in $w1 $w2; do
wait "$w"
[ $? != 1 ] || why=full
done
}
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
trap '\'''\'' HUP PIPE
ticks $$
self=$ticks
pipes
exec 3>>"${p}out" 9>>"${p}err"
writer <&5 >&3 3>&- 4>&- 6>&- 7<&- 8>&- 9>&- &
w1=$!
writer <&7 >&9 3>&- 4>&- 5<&- 6>&- 8>&- 9>&- &
w2=$!
exec 5<&- 7<&-
(
began
exec >&6 2>&8 3>&- 4>&- 6>&- 8>&- 9>&-
trap - PIPE
[ -z "$session" ] || trap - HUP
eval "$exports"
export SSHCAST_SPOOL="$id"
exec ${session:+"$session"} /bin/sh -c "$script"
)
status=$?
exec 6>&- 8>&-
n=0
while writing && [ "$n" -lt 214 ]; do
n=$((n + 1))
pause
done
size 3 out
o=$bytes
size 9 err
e=$bytes
reason
put end "E $status $o $e ${why:--} ."
w= s=
read -r w s <"${p}watch" && lives "$w" "$s" && { kill -TERM "-$w" || kill -TERM "$w"; }
if took tails; then
told "$o" out
told "$e" err >&4
fi
say end "$status" "$o" "$e" "${why:--}"
'
watcher='p=$1 id=$2 limit=$3 since=$4
trap '\'''\'' HUP
unless_over() {
ended || [ ! -e "${p}run" ] || return
exec rm -f "${p}watch"
}
left() {
clock
[ -z "$up" ] || limit=$(((due - up + 99) / 100))
}
ticks $$
printf '\''%s %s\n'\'' "$$" "$ticks" >"${p}watch"
clock
due=$((${since:-${up:-0}} + limit * 100))
left
while [ "$limit" -gt 0 ]; do
unless_over
sleep "$limit" && [ -z "$up" ] && break
left
done
unless_over
put stop timeout
owned
finish
'
say() { printf '%s %s\n' "$nonce" "$*" >&5; }
bases() {
for base in "$HOME/.sshcast" "/var/tmp/.sshcast-$me" "/tmp/.sshcast-$me" "${XDG_RUNTIME_DIR:-/dev/shm}/.sshcast-$me"; do
p=$base/$id
"$1" && return
done
}
present() { [ -O "$base" ] && [ -e "${p}go" ] && [ -O "${p}go" ]; }
made() {
[ -d "$base" ] || mkdir -m 700 "$base" || [ -d "$base" ] || return
[ -O "$base" ] && [ ! -h "$base" ] || return
for name in run stop end; do
[ -s "$p$name" ] || printf '%127s\n' '' >>"$p$name" || { rm -f "$p"*; return 1; }
done
printf '' >>"${p}out" && printf '' >>"${p}err"
}
placed() {
IFS=:
for path in $PATH; do
path=$path/$1
[ -x "$path" ] && break
path=
done
unset IFS
}
begin() {
way=$1
printf '%s begin\n' "$nonce" >&4
say begin "$way" "${polls:--}" "$p"
}
supervise() {
export SSHCAST_EXPORTS="$exports"
exec ${session:+"$session"} /bin/sh -c "$spool$supervisor" sshcast "$p" "$id" "$nonce" "$now" "$cap" "$session" \
"$script" </dev/null >&5 3<&- 5>&-
}
guard() {
if ended || [ ! -e "${p}run" ]; then return; fi
w= s=
read -r w s <"${p}watch" && lives "$w" "$s" && return
${session:+"$session"} /bin/sh -c "$spool$ending$watcher" sshcast "$p" "$id" "$limit" "$since" \
</dev/null >/dev/null 3<&- 4>&- 5>&- &
}
follow() {
[ -z "$following" ] || return
following=1
[ "$way" = attached ] || took tails || return
if [ -n "$polls" ]; then
exec 6<"${p}out" 7<"${p}err"
dd bs=1 count=0 skip="$out" <&6
dd bs=1 count=0 skip="$err" <&7
else
tail -c +$((out + 1)) -f "${p}out" >&5 &
tails=$!
tail -c +$((err + 1)) -f "${p}err" >&4 &
tails="$tails $!"
fi
}
behind() {
here=- there=-
read -r x here </proc/self/fdinfo/$1
read -r x there <"/proc/$pid/fdinfo/$2"
[ "$here" != "$there" ] || [ "$here" = - ]
}
pour() {
[ -n "$polls" ] && [ -n "$following" ] || return
if behind 6 3; then cat <&6 >&5; fi
if behind 7 9; then cat <&7 >&4; fi
}
alive() {
why=rebooted
[ "$boot" = "$now" ] || return
why=killed
lives "$pid" "$start"
}
tell_end() { say end "$status" "$o" "$e" "$how"; }
look() {
[ -n "$joined" ] || { join; return; }
identified || return
if ended || { ! alive && ended; }; then
pour
tell_end
else
alive || { ended || say lost "$why"; }
pour
fi
}
join() {
identified || return
joined=1
[ "$pid" != never ] || { say never; return; }
say is "$pid" "$start" "$boot" "$child"
if ended || ! alive; then
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
[ "$1" != keep ] || exec rm -f "$p"[!g]*
exec rm -f "$p"*
}
halt() { [ -z "$tails" ] || kill $tails; }
hear() {
following= tails= joined=
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
leave() {
halt
guard
kill -9 $$
}
main() {
now=-
read -r now </proc/sys/kernel/random/boot_id
clock
since=$up
me=${LOGNAME:-${USER:-me}}
placed tail
polls=
[ "$path" -ef /bin/busybox ] && polls=polls
placed setsid
session=$path
if bases present; then
begin attached
elif [ "$how" = known ]; then
say lost vanished
elif ! bases made; then
say none
elif [ "$how" = never ] && took go; then
put run 'never - - -'
begin attached
else
begin fresh
supervise | hear
exit
fi
hear
}
exec 3<&0 4>&2 5>&1 2>/dev/null
eval "$spool$ending"
main; exit
