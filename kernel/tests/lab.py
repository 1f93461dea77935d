"""The kernel in a real JupyterLab: open a notebook, run it, see a live table change, interrupt, complete; Rust."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import nbformat
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
SHOTS = os.environ.get("SHOTS")
CELLS = [
    "CREATE TABLE trades (symbol STRING, price DOUBLE, qty INT, side STRING, ts TIMESTAMP(3),\n"
    "  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)\n"
    "WITH ('connector' = 'demo', 'topic' = 'trades', 'number-of-rows' = '20000');\n"
    "CREATE VIEW bars AS SELECT symbol, window_end, SUM(qty) AS volume\n"
    "FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY symbol, window_start, window_end",
    "PLOT bars x window_end y volume color symbol",
    "EXPLAIN SELECT symbol, volume FROM bars WHERE volume > 100",
    "WATCH demo.trades",
    "SELECT symbol, COUNT(*) AS trades FROM demo.trades GROUP BY symbol",
]

RUST = [
    "%%rust\n/// The words of a line in small letters.\n#[udf]\nfn words(line: &str) -> Vec<String> {\n"
    "    line.split_whitespace().map(str::to_lowercase).collect()\n}",
    "SELECT word, COUNT(*) AS n FROM (VALUES ('To be'), ('or not to be')) AS t(line), LATERAL TABLE(words(line)) AS w(word) GROUP BY word",
    "%%rust\n#[udf]\nfn twice(n: i64) -> i64 {\n    n.shout()\n}",
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Lab(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="millstream-lab-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        for name, sources in (("live", CELLS), ("rust", RUST)):
            cells = [nbformat.v4.new_code_cell(source) for source in sources]
            kernelspec = {"name": "millstream", "display_name": "Millstream", "language": "sql"}
            notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
            nbformat.write(notebook, self.work / f"{name}.ipynb")
        self.url = self.serve()
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,2400"):
            options.add_argument(flag)
        self.page = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.addCleanup(self.page.quit)

    def serve(self):
        port = free_port()
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
                   "--IdentityProvider.token=", f"--ServerApp.root_dir={self.work}", "--ServerApp.port_retries=0"]
        log = open(self.work / "lab.log", "wb")
        server = subprocess.Popen(command, stdout=log, stderr=log)
        self.addCleanup(lambda: (server.terminate(), server.wait(), log.close()))
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{url}/api", timeout=5)
                return url
            except OSError:
                if time.monotonic() > deadline:
                    self.fail((self.work / "lab.log").read_text())
                time.sleep(0.2)

    def wait(self, what):
        return WebDriverWait(self.page, PATIENCE, poll_frequency=0.1).until(lambda page: what())

    def all(self, selector):
        return self.page.find_elements(By.CSS_SELECTOR, selector)

    def outputs(self, cell):
        return self.all(".jp-Notebook .jp-CodeCell")[cell].find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")

    def text(self, cell):
        return "\n".join(output.text for output in self.outputs(cell))

    def shot(self, name):
        if SHOTS:
            self.page.save_screenshot(str(pathlib.Path(SHOTS) / f"{name}.png"))

    def run_command(self, label):
        """A command of JupyterLab's palette."""
        def opened():
            # A page that is still being built hears no key, and has a field that is not shown yet.
            shown = [field for field in self.all(".lm-CommandPalette-input") if field.is_displayed()]
            if not shown:
                self.page.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, Keys.SHIFT, "c")
            return shown

        field = WebDriverWait(self.page, PATIENCE, poll_frequency=1).until(lambda page: opened())[0]
        field.send_keys(label)
        self.wait(lambda: self.all(".lm-CommandPalette-item.lm-mod-active"))
        field.send_keys(Keys.ENTER)

    def test_a_notebook_lives(self):
        self.page.get(f"{self.url}/lab/tree/live.ipynb?reset")
        self.wait(lambda: len(self.all(".jp-Notebook .jp-CodeCell")) == len(CELLS))
        self.wait(lambda: self.all(".jp-Notebook-ExecutionIndicator[data-status='idle']"))
        self.run_command("Run All Cells")
        self.wait(lambda: self.all(".jp-Notebook .vega-embed canvas, .jp-Notebook .vega-embed svg"))
        self.wait(lambda: self.outputs(4) and "rows/s" in self.text(4))
        # Both tables change: that of the cell that runs and that of WATCH above it.
        for cell in (3, 4):
            before, node = self.text(cell), self.outputs(cell)[0].id
            self.wait(lambda: self.text(cell) != before)
            self.assertEqual(self.outputs(cell)[0].id, node, "the output is drawn again in place")
        self.assertTrue(self.outputs(2)[0].find_elements(By.CSS_SELECTOR, "svg, img"), "the graph is drawn")
        self.shot("running")
        self.run_command("Interrupt Kernel")
        self.wait(lambda: "stopped" in self.text(4) and "E0600" in self.text(4))
        self.shot("interrupted")
        self.complete()

    def test_rust_becomes_sql(self):
        self.page.get(f"{self.url}/lab/tree/rust.ipynb?reset")
        self.wait(lambda: len(self.all(".jp-Notebook .jp-CodeCell")) == len(RUST))
        self.wait(lambda: self.all(".jp-Notebook-ExecutionIndicator[data-status='idle']"))
        self.run_command("Run All Cells")
        self.wait(lambda: self.outputs(2) and "E0599" in self.text(2))
        self.shot("rust")
        self.assertIn("words(line STRING) -> table of STRING, ready in", self.text(0))
        self.assertTrue(self.outputs(1)[0].find_elements(By.CSS_SELECTOR, "table"), "the answer is a table")
        self.assertIn("to", self.text(1))
        self.assertIn("LINE 4", self.text(2))

    def complete(self):
        self.run_command("Insert Cell Below")
        editor = self.wait(lambda: self.all(".jp-Notebook .jp-mod-active .cm-content"))[0]
        editor.click()
        editor.send_keys("SELECT * FROM demo.tra", Keys.TAB)
        self.wait(lambda: "demo.trades" in editor.text or any("demo.trades" in item.text for item in self.all(".jp-Completer-item")))
        self.shot("completed")
        if self.all(".jp-Completer-item"):
            editor.send_keys(Keys.ENTER)
        self.wait(lambda: "demo.trades" in editor.text)
        editor.send_keys(Keys.SHIFT, Keys.TAB)
        self.wait(lambda: any("symbol" in tooltip.text for tooltip in self.all(".jp-Tooltip")))
        self.shot("explained")


if __name__ == "__main__":
    unittest.main()
