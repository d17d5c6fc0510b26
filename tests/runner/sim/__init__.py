"""A world in which time, network, target and the database's availability are inputs; the SQL is the real one."""
