# Ends a run: TERM to its session, three seconds, KILL. Given: d (the spool), why.
printf '%-127s\n' "$why" 1<>"$d/stop"
pid= child=
read -r pid start boot child <"$d/run"
[ -n "$child" ] || exit
group=-
kill -0 "-$child" 2>/dev/null || group=
kill -TERM "$group$child" 2>/dev/null
n=0
while kill -0 "$group$child" 2>/dev/null && [ "$n" -lt 15 ]; do
    sleep 0.2 || sleep 1
    n=$((n + 1))
done
kill -KILL "$group$child" 2>/dev/null
exit
