"""Reads servers from where people have them already: ssh's configuration, Ansible's inventories, known_hosts."""
