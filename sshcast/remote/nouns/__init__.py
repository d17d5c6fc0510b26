"""The commands that work through the API, one file for each noun: `sshcast execution …`, `sshcast task …`."""
