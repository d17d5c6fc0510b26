"""What each CLI command does."""
