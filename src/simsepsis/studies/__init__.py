"""Published studies as data, each in a folder of its own; nothing outside imports one."""
