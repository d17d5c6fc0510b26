"""Tests of `sshcast doctor`."""
