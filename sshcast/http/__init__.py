"""What both HTTP faces stand on: answers, the bearer token, bodies, hosts, the listener."""
