"""What scenario.mjs does, with stomp.py over a WebSocket.

    stomp_py.py SCENARIO

SCENARIO is JSON, as for play.mjs; instead of a transport it may name the WebSocket `messages`: text, or binary.
"""

import json
import sys
from pathlib import Path
from threading import Condition
from time import monotonic
from urllib.parse import urlsplit

import stomp

STEPS = json.loads(Path(__file__).with_name("steps.json").read_text())
DEADLINE_S = 30


class Ears(stomp.ConnectionListener):
    """Writes down what is heard, and wakes who waits for it."""

    def __init__(self):
        self.seen = {
            "version": None,
            "receipts": [],
            "events": [],
            "errors": [],
            "faults": [],
            "beats": {"received": 0, "sent": 0},
        }
        self.ending = False
        self.ended = False
        self._noticed = Condition()
        self._deadline = monotonic() + DEADLINE_S

    def wait_until(self, met):
        with self._noticed:
            if not self._noticed.wait_for(met, self._deadline - monotonic()):
                raise TimeoutError(f"not finished after {DEADLINE_S} s")

    def _notice(self, note):
        with self._noticed:
            note()
            self._noticed.notify_all()

    def on_connected(self, frame):
        self._notice(lambda: self.seen.update(version=frame.headers["version"]))

    def on_receipt(self, frame):
        if not self.ending:
            self._notice(lambda: self.seen["receipts"].append(frame.headers["receipt-id"]))

    def on_message(self, frame):
        answers = self.seen.get(frame.headers["subscription"], self.seen["faults"])
        self._notice(lambda: answers.append({"body": frame.body, "headers": frame.headers}))

    def on_error(self, frame):
        self.seen["faults"].append(frame.headers["message"])

    def on_heartbeat_timeout(self):
        self.seen["faults"].append("no heart-beat")

    def on_heartbeat(self):
        self._beat("received")

    def on_send(self, frame):
        # A heart-beat is a frame without a command.
        if frame.cmd is None:
            self._beat("sent")

    def _beat(self, way):
        self._notice(lambda: self.seen["beats"].update({way: self.seen["beats"][way] + 1}))

    def on_disconnected(self):
        if not self.ending:
            self.seen["faults"].append("closed before the end")
        self._notice(lambda: setattr(self, "ended", True))


def play(scenario, ears):
    seen = ears.seen
    url = urlsplit(scenario["url"])
    heart_beat_ms = scenario["heartBeatMs"]
    connection = stomp.WSStompConnection(
        [(url.hostname, url.port)],
        ws_path=url.path,
        heartbeats=(heart_beat_ms, heart_beat_ms),
        binary_mode=scenario.get("messages") == "binary",
    )
    connection.set_listener("ears", ears)
    connection.connect(wait=True)

    def subscribe(destination, answers):
        connection.subscribe(destination, id=answers, headers={"receipt": destination})
        ears.wait_until(lambda: destination in seen["receipts"])

    subscribe(f"/countries/{scenario['chat']}/events", "events")
    subscribe("/user/queue/errors", "errors")

    usual = json.dumps({"authorId": scenario["user"], "chatId": scenario["chat"]})
    for step in STEPS:
        answers = seen["events" if "event" in step else "errors"]
        before = len(answers)
        body = step.get("body", usual)
        connection.send(f"/chat/events.{step['to']}", body, headers={"receipt": step["name"]})
        ears.wait_until(lambda: len(answers) > before)
        # A wrong command never gets a RECEIPT, which the list of them shows.
        if "event" in step:
            ears.wait_until(lambda: step["name"] in seen["receipts"])

    # Nothing but heart-beats, for longer than either side tolerates silence.
    enough = {way: beats + scenario["beats"] for way, beats in seen["beats"].items()}
    ears.wait_until(lambda: all(seen["beats"][way] >= beats for way, beats in enough.items()))

    ears.ending = True
    connection.disconnect()
    ears.wait_until(lambda: ears.ended)


def main():
    ears = Ears()
    try:
        play(json.loads(sys.argv[1]), ears)
    except Exception as error:
        ears.seen["failure"] = repr(error)
    print(json.dumps(ears.seen, indent=2))
    return 1 if "failure" in ears.seen else 0


if __name__ == "__main__":
    sys.exit(main())
