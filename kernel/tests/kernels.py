"""Kernels for the tests, and the messages that one hears of them."""

import os
import pathlib
import shutil
import tempfile
import time
import unittest

from jupyter_client.manager import start_new_kernel

# How long anything may take on a machine that does a lot else; nothing is asserted by waiting for it.
PATIENCE = 60


class KernelCase(unittest.TestCase):
    """A kernel for each test, on a workspace of its own."""

    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="millstream-kernel-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.manager, self.client = self.start()

    def start(self):
        """Another kernel on the same workspace."""
        environment = dict(os.environ, MILLSTREAM_WORKSPACE=str(self.work / "workspace"))
        manager, client = start_new_kernel(kernel_name="millstream", env=environment, startup_timeout=PATIENCE)
        self.addCleanup(self.end, manager, client)
        return manager, client

    @staticmethod
    def end(manager, client):
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)

    def run_cell(self, code, client=None, **options):
        """Runs a cell; its reply and what was heard until it was idle."""
        client = client or self.client
        message = client.execute(code, **options)
        return self.reply(message, client), self.until_idle(message, client)

    def reply(self, message, client=None):
        """The content of the reply to a message."""
        client = client or self.client
        while True:
            reply = client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"]

    def until_idle(self, message, client=None):
        """What everybody hears about a message until its end."""
        heard = []
        while True:
            said = self.next_about(message, client)
            heard.append(said)
            if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
                return heard

    def next_about(self, message, client=None):
        client = client or self.client
        while True:
            said = client.get_iopub_msg(timeout=PATIENCE)
            if said["parent_header"].get("msg_id") == message:
                return said

    def wait_for(self, message, kind, client=None):
        """The next message of a kind about a request."""
        while True:
            said = self.next_about(message, client)
            if said["msg_type"] == kind:
                return said


def kinds(heard):
    return [said["msg_type"] for said in heard]


def shown(heard, mime="text/plain"):
    """What displays and results show in the end, in their order."""
    outputs = {}
    for said in heard:
        if said["msg_type"] in ("display_data", "execute_result", "update_display_data"):
            place = said["content"].get("transient", {}).get("display_id") or len(outputs)
            outputs[place] = said["content"]["data"].get(mime, "")
    return list(outputs.values())


def elapsed(since):
    return time.monotonic() - since
