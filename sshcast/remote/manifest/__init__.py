"""Servers, tasks, grants and policies as a file that people keep in git: written from a service, and applied to one."""
