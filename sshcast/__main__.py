"""`python -m sshcast`."""

from sshcast.cli import main

main()
