"""The notebooks of the project, run from top to bottom without anybody at them, and made into pages."""

import pathlib
import re
import tempfile
import unittest

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

ACCOUNT = re.compile(r"[\w.$]+: \d+ in = \d+ used .*")
TOOK = re.compile(r", (\d+ ms|ready in \d+\.\d s)$|, \d+\.\d s(?= · REPLAY)", re.MULTILINE)
# What is recorded carries the hour at which it was; the events of the notebooks are of New Year's Day.
HOUR = re.compile(r"(?!2026-01-01)20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"


class Notebooks(unittest.TestCase):
    def test_each_notebook_gives_what_stands_in_it(self):
        found = sorted(FOLDER.glob("*.ipynb"))
        self.assertGreaterEqual(len(found), 7)
        for path in found:
            with self.subTest(path.name), tempfile.TemporaryDirectory() as work:
                kept = nbformat.read(path, as_version=4)
                ran = nbformat.from_dict(kept.copy())
                NotebookClient(ran, timeout=300, kernel_name="millstream", resources={"metadata": {"path": work}}).execute()
                for cell, before in zip(ran.cells, nbformat.read(path, as_version=4).cells):
                    if cell.cell_type == "code":
                        self.assertEqual(plain(cell), plain(before), cell.source)
                page, _ = HTMLExporter().from_notebook_node(ran)
                self.assertTrue("<table>" in page, "tables")
                charts = any("image/svg+xml" in output.get("data", {}) for cell in ran.cells for output in cell.get("outputs", []))
                self.assertEqual('src="data:image/svg+xml' in page, charts, "pictures")


def plain(cell):
    """What a cell shows as text. Rows have no order; what depends on the hour or shows a part is known by its kind."""
    texts = []
    for output in cell.outputs:
        text = output.get("text") or output.get("evalue") or output.get("data", {}).get("text/plain", "")
        # A query that takes long says what became of its records; how long it takes is the machine's affair.
        if text and all(ACCOUNT.fullmatch(line) for line in text.splitlines()):
            continue
        if "rows/s" in text or "⋮" in text or "┤" in text or "on_disk" in text:
            texts.append((output.output_type, sorted(output.get("data", {}))))
        else:
            lines = HOUR.sub("an hour", TOOK.sub("", text)).splitlines()
            texts.append(lines[-1:] if "still open" in text else sorted(lines))
    return texts


if __name__ == "__main__":
    unittest.main()
