"""Runs the Python program of docs/clients.md; see recipe.mjs.

    recipe.py MODULE URL CHAT AUTHOR
"""

import json
import runpy
import sys
import threading
from urllib.parse import urlsplit


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    module, url, chat, author = sys.argv[1:]
    url = urlsplit(url)
    chat = runpy.run_path(module)["Chat"](
        url.hostname,
        url.port,
        int(chat),
        int(author),
        lambda event: say(event=event),
        lambda error: say(error=error),
    )
    for line in sys.stdin:
        destination = line.strip()
        answered = chat.send(destination)
        threading.Thread(
            target=lambda answered=answered, destination=destination: answered.wait() and say(stored=destination),
            daemon=True,
        ).start()
    chat.close()


if __name__ == "__main__":
    main()
