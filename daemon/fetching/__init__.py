"""Files from the web into the inbox, by rules that keep a URL from reaching what only this machine can reach."""
