"""A whole experiment as one file, to move it to another database.

The file is a zip that any tool can look into. Nothing in it is compressed, because
weights do not shrink, and nothing in it is code:

    experiment.json                      the experiment with its live round
    clients.jsonl, rounds.jsonl, …       the documents of a collection, one a line
    model_chunks/…, update_chunks/…      their bytes, one entry a chunk
    manifest.json                        what this is, and each entry's SHA-256

It is written and read entry by entry, so memory holds one chunk at a time.
"""
