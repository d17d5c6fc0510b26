"""Brings what people have in cron: reads crontabs, says what each line means, and takes lines over one by one."""
