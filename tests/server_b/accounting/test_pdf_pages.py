"""The pages of a PDF are never fewer than a reader finds; an ordinary PDF has no more than it shows."""

import random
import zlib

import pytest

from server_b.accounting.pdf_pages import pdf_pages

PAGE = b"<< /Type /Page /Parent 2 0 R /Contents 9 0 R >>"
TREE = b"<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] >>"
TEXT = zlib.compress(random.Random(1).randbytes(100_000))
CONTENT = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(TEXT), TEXT)


def pdf(*more: bytes, tree: bytes = TREE, page: bytes = PAGE, trailer: bytes = b"") -> bytes:
    """Returns a PDF of two pages, and these objects."""
    data, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    catalog = b"<< /Type /Catalog /Pages 2 0 R /PageMode /UseNone >>"
    for number, text in enumerate((catalog, tree, page, page, *more, CONTENT), start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer\n<< /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, trailer, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (len(offsets) + 1, table, end)


def updated(data: bytes) -> bytes:
    """Adds an empty update to a PDF."""
    end = b"trailer\n<< /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (data.index(b"xref\n0 "), len(data))
    return data + b"xref\n0 0\n" + end


ORDINARY = {
    "flat": (pdf(), 2),
    "compressed content": (pdf(CONTENT), 2),
    "an update": (updated(pdf()), 2),
    "tight": (pdf(tree=b"<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", page=b"<</Type/Page/Parent 2 0 R>>"), 2),
    "an outline": (pdf(b"<< /Title (a) /Prev 7 0 R /Next 8 0 R >>"), 2),
    "an escape in another name": (pdf(b"<< /Type /Font /BaseFont /ABC+Times#20New >>"), 2),
    "comments": (pdf(b"% a comment\n<< /A 1 >>"), 2),
    "pages of no type": (pdf(page=b"<< /Parent 2 0 R >>"), 2),
    "pages of an indirect type": (pdf(b"/Page", page=b"<< /Type 5 0 R >>"), 2),
    "types after comments": (pdf(page=b"<< /Type%\n/Page >>"), 2),
    "types after a zero byte": (pdf(page=b"<< /Type\0/Page >>"), 2),
    "types after two lines": (pdf(page=b"<< /Type % one\r% two\n /Page >>"), 2),
    "a linearized first part": (pdf() + b"startxref\n0\n%%EOF\n", 2),
}


@pytest.mark.parametrize(("data", "pages"), ORDINARY.values(), ids=ORDINARY)
def test_the_pages_that_a_pdf_shows_are_counted(data: bytes, pages: int) -> None:
    found = pdf_pages(data)
    assert (found.most, found.may_be_hidden) == (pages, False)


HIDDEN = {
    "nothing": b"",
    "no pages": b"compressed" * 100,
    "object stream": pdf(b"<< /Type /ObjStm /N 9 /First 50 >>"),
    "object stream, escaped": pdf(b"<< /Type /Obj#53tm /N 9 /First 50 >>"),
    "object stream, all escaped": pdf(b"<< /Type /#4f#62#6A#53#74#6D /N 9 /First 50 >>"),
    "object stream, after a comment": pdf(b"<< /Type%\n/ObjStm /N 9 /First 50 >>"),
    "object stream, indirect type": pdf(b"<< /Type 6 0 R /N 9 /First 50 >>", b"/ObjStm"),
    "cross-reference stream": pdf(b"<< /Type /XRef /W [1 2 1] >>"),
    "cross-reference stream, escaped": pdf(b"<< /Type /#58Ref /W [1 2 1] >>"),
    "cross-reference stream of no type": pdf().replace(b"xref\n0 ", b"9 0 obj << /W [1 2 1] >>"),
    "cross-reference stream of a hybrid": pdf(trailer=b"/XRefStm 100"),
    "cross-reference stream of no type before": pdf(trailer=b"/Prev 100"),
    "cross-reference stream after a comment": pdf(trailer=b"/Prev%\n100"),
    "the start after a comment": pdf().replace(b"startxref\n", b"startxref%\n"),
    "offsets from a later start": b"junk" + pdf(),
    "a page, escaped": pdf(page=b"<< /Type /P#61ge >>"),
    "a page, escaped key of its tree": pdf(tree=TREE.replace(b"/Kids", b"/K#69ds")),
    "indirect kids": pdf(b"[3 0 R 4 0 R 3 0 R]", tree=b"<< /Type /Pages /Kids 5 0 R >>"),
    "comments in kids": pdf(tree=b"<< /Type /Pages /Kids [3 0 R %\n 4 0 R] >>"),
    "a comment before kids": pdf(tree=b"<< /Type /Pages /Kids%\n[3 0 R 4 0 R] >>"),
    "direct kids": pdf(tree=b"<< /Type /Pages /Kids [<< /Parent 2 0 R >> 4 0 R] >>"),
    "a page twice": pdf(tree=b"<< /Type /Pages /Kids [3 0 R 3 0 R 03 0 R] >>"),
    "a node twice": pdf(
        b"<< /Kids [7 0 R] >>", b"<< /Kids [7 0 R] >>", b"<< /Kids [3 0 R 4 0 R] >>", tree=b"<< /Kids [5 0 R 6 0 R] >>"
    ),
}


@pytest.mark.parametrize("data", HIDDEN.values(), ids=HIDDEN)
def test_what_can_hide_pages_is_noticed(data: bytes) -> None:
    assert pdf_pages(data).may_be_hidden


def test_the_kids_of_forms_count_as_at_most_the_pages_that_vendors_accept() -> None:
    fields = b"<< /T (field) /Kids [%b] >>" % b" ".join(b"%d 0 R" % number for number in range(10, 1000))
    assert (pdf_pages(pdf(fields)).most, pdf_pages(pdf(fields)).may_be_hidden) == (100, False)


def test_a_long_file_of_near_matches_takes_no_longer_than_its_length() -> None:
    for part in (b"/Kids [" + b" " * 1000, b"/Kids [" + b"1 0 R " * 200, b"/Prev " + b" " * 1000, b"startxref" * 100):
        assert pdf_pages(part * 1000).may_be_hidden


def test_a_table_far_from_the_offset_that_names_it_is_not_searched_for() -> None:
    data = pdf()
    beginning, table = data[: data.index(b"xref\n0 ")], data[data.index(b"xref\n0 ") :]
    assert not pdf_pages(beginning + b" " * 16 + table).may_be_hidden
    assert pdf_pages(beginning + b" " * 1000 + table).may_be_hidden
