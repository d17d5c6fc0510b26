"""Commands that start processes of every kind that is hard to end, by what is hard about them."""

TREES = {
    "plain": "sleep 300",
    "deaf": "trap '' TERM HUP INT; while :; do sleep 1; done",
    "pipeline": "sleep 300 | sleep 300 | cat",
    "deaf child": "(trap '' TERM HUP; exec sleep 300) & sleep 300",
    "other session": "setsid sleep 300 & setsid sh -c 'trap \"\" TERM; sleep 300; :' & sleep 300",
    "deep": "sh -c 'sh -c \"sleep 300; :\"; :' & (sleep 300 & sleep 300); :",
    "own group": "set -m 2>/dev/null; sleep 300 & sleep 300 & wait",
    "restless": "trap 'sleep 300 & wait' TERM; sleep 300 & wait",
}
