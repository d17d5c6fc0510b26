"""`sshcast doctor`: looks for what is wrong with a service, and says what to do. It changes nothing."""
