"""Programs that sshcast runs on a target besides the command itself."""
