"""Who may produce and who may watch: keys, tokens, what a channel asks for. It decides and never sends. Pure."""
