"""The way into the studio: which names it answers to, and who may enter a shared one."""
