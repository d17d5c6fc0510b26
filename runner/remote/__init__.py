"""What sshcast does on a target beside the command itself."""
