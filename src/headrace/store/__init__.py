"""What a broker keeps on disk: channels, keys and issuers of tokens, in SQLite or Postgres."""
