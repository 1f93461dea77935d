"""The notebooks of the project, run from top to bottom without anybody at them, and made into pages."""

import pathlib
import tempfile
import unittest

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"


class Notebooks(unittest.TestCase):
    def test_each_notebook_gives_what_stands_in_it(self):
        found = sorted(FOLDER.glob("*.ipynb"))
        self.assertGreaterEqual(len(found), 2)
        for path in found:
            with self.subTest(path.name), tempfile.TemporaryDirectory() as work:
                kept = nbformat.read(path, as_version=4)
                ran = nbformat.from_dict(kept.copy())
                NotebookClient(ran, timeout=300, kernel_name="millstream", resources={"metadata": {"path": work}}).execute()
                for cell, before in zip(ran.cells, nbformat.read(path, as_version=4).cells):
                    if cell.cell_type == "code":
                        self.assertEqual(plain(cell), plain(before), cell.source)
                page, _ = HTMLExporter().from_notebook_node(ran)
                self.assertIn("<table>", page)
                self.assertIn("<svg" if "01" in path.name else "window_start", page)


def plain(cell):
    """What a cell shows as text; of a live query, that it showed something."""
    texts = []
    for output in cell.outputs:
        text = output.get("text") or output.get("evalue") or output.get("data", {}).get("text/plain", "")
        texts.append("live" if "rows/s" in text else text)
    return texts


if __name__ == "__main__":
    unittest.main()
