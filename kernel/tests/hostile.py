"""Hostile peers and hostile payloads: nothing that others send ends the kernel, runs or becomes markup."""

import html.parser
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import time

import zmq
from kernels import PATIENCE, KernelCase, shown

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


class Tags(html.parser.HTMLParser):
    """Everything in a page that is no text."""

    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found |= {tag} | {name for name, _ in attributes}


class Peers(KernelCase):
    def still_there(self):
        reply, heard = self.run_cell("SELECT 6 * 7 AS answer")
        self.assertEqual(reply["status"], "ok")
        self.assertIn("42", shown(heard)[-1])

    def ports(self):
        info = self.manager.get_connection_info()
        return [info[f"{name}_port"] for name in ("shell", "iopub", "stdin", "control", "hb")]

    def test_bytes_that_are_no_protocol_end_their_connection_only(self):
        dice = random.Random(7)
        huge = struct.pack(">BQ", 2, 1 << 62)
        openings = [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, GREETING, GREETING[:30], GREETING + READY[:-3]]
        openings += [GREETING + READY + tail for tail in (huge, b"\x07\x00", b"\x01\x00" * 4000, b"\x00", b"\x04\x00")]
        openings += [GREETING + READY + dice.randbytes(dice.randrange(400)) for _ in range(60)]
        openings += [dice.randbytes(dice.randrange(400)) for _ in range(60)]
        kept = []
        for port in self.ports():
            for opening in openings:
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
                    try:
                        peer.sendall(opening)
                    except OSError:
                        pass
            # Peers that say nothing take places, but not all of them.
            kept += [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
        self.still_there()
        for peer in kept:
            peer.close()

    def test_a_frame_that_announces_much_takes_no_memory(self):
        with socket.create_connection(("127.0.0.1", self.ports()[0])) as peer:
            peer.sendall(GREETING + READY + struct.pack(">BQ", 2, 60 << 20) + bytes(1000))
            time.sleep(0.2)
            status = pathlib.Path(f"/proc/{self.manager.provisioner.pid}/status").read_text()
            resident = int(status.split("VmRSS:")[1].split()[0])
            self.assertLess(resident, 600_000)
        self.still_there()

    def test_messages_with_wrong_signatures_are_not_heard(self):
        session = self.client.session
        good = session.serialize(session.msg("execute_request", {"code": "SELECT 'forged' AS said", "silent": False}))
        at = good.index(b"<IDS|MSG>")
        signature = good[at + 1]
        vectors = [good[: at + end] for end in range(1, 7)]
        for wrong in (b"", b"00", signature[:-1], signature[:-2], b"z" * 64, signature[::-1], b"\xff" * 64):
            vectors.append(good[: at + 1] + [wrong] + good[at + 2 :])
        changed = json.loads(good[at + 5])
        changed["code"] = "SELECT 'changed' AS said"
        vectors.append(good[: at + 5] + [json.dumps(changed).encode()])
        vectors.append([b"x"] * 10)
        context = zmq.Context()
        self.addCleanup(context.term)
        peer = context.socket(zmq.DEALER)
        self.addCleanup(peer.close, 0)
        peer.connect(f"tcp://127.0.0.1:{self.ports()[0]}")
        for frames in vectors:
            peer.send_multipart(frames)
        # The right one is heard once; sent again, it is a replay.
        peer.send_multipart(good)
        peer.send_multipart(good)
        self.assertTrue(peer.poll(PATIENCE * 1000))
        peer.recv_multipart()
        reply, _ = self.run_cell("SELECT 1 AS one")
        self.assertEqual(reply["execution_count"], 2)
        self.assertFalse(peer.poll(100))

    def test_contents_that_make_no_sense_are_answered(self):
        session, channel = self.client.session, self.client.shell_channel
        odd = [None, 7, "x", [], {"x": 1}, -1, 1e300, True]
        for kind in ("complete", "inspect", "is_complete", "history", "comm_info", "kernel_info", "execute"):
            for value in odd:
                names = ("code", "cursor_pos", "hist_access_type", "n", "pattern", "session", "silent", "allow_stdin")
                message = session.msg(f"{kind}_request", {name: value for name in names})
                channel.send(message)
                self.assertIn("status", self.reply(message["header"]["msg_id"]))
        channel.send(session.msg("no_such_request", {}))
        self.still_there()

    def test_no_text_of_a_record_becomes_markup_or_moves_a_cursor(self):
        hostile = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\x1b]0;x\x07\x1b[31m", "\u202e", "&lt;b&gt;"]
        file = self.work / "hostile.jsonl"
        file.write_text("\n".join(json.dumps({"t": text}) for text in hostile))
        declared = f"CREATE TABLE h (t STRING) WITH ('connector' = 'filesystem', 'path' = '{file}', 'format' = 'json');"
        _, heard = self.run_cell(declared + "SELECT t, t AS `<script>` FROM h")
        page, text = shown(heard, "text/html")[-1], shown(heard)[-1]
        allowed = {"table", "thead", "tbody", "tr", "th", "td", "br", "small", "em", "p", "style"}
        self.assertLessEqual(Tags(page).found, allowed)
        for form in (page, text):
            self.assertNotIn("\x1b", form)
            self.assertNotIn("\u202e", form)
        self.assertIn("&lt;script&gt;", page)
        _, heard = self.run_cell(declared.replace("TABLE h", "TABLE g") + "CREATE VIEW v AS SELECT t, CHAR_LENGTH(t) AS n FROM g; PLOT v")
        picture = shown(heard, "image/svg+xml")[-1]
        self.assertLessEqual(Tags(picture).found & {"script", "img", "onerror", "foreignobject", "a", "href"}, set())


class Refused(KernelCase):
    def test_a_connection_that_is_open_to_others_is_refused(self):
        for name, change in {"key": {"key": ""}, "ip": {"ip": "0.0.0.0"}, "scheme": {"signature_scheme": "hmac-md5"}}.items():
            info = self.manager.get_connection_info()
            info = {key: value.decode() if isinstance(value, bytes) else value for key, value in info.items()}
            file = self.work / f"{name}.json"
            file.write_text(json.dumps(info | {"ip": "127.0.0.1"} | change))
            ran = subprocess.run([os.environ["MILLSTREAM_KERNEL"], "-f", file], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(ran.returncode, 2, ran)
            self.assertIn(str(file), ran.stderr)
